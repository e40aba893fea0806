"""Furthest point sampling: each next point is the one furthest from those sampled so far.

Source: PointNet++, section 3.2, https://arxiv.org/abs/1706.02413
"""
import math
from typing import Any, Callable

import numpy as np
import torch
from numba import njit
from torch import Tensor

from .squared_distance import as_xyz, squared_distance, squared_distances, takes_compiled_loop

THREADS_PER_BLOCK = 1024  # of mmcv's CUDA kernel; they decide which of equally far points it takes


def furthest_point_sampling_forward(points: Tensor, temp: Tensor, idx: Tensor, b: int, n: int, m: int) -> None:
    """Kernel behind ``mmcv.ops.furthest_point_sample``.

    Args:
        points: ``[B, N, 3]``.
        temp: ``[B, N]`` float32, large numbers; holds squared distances to the sample afterwards.
        idx: ``[B, M]`` int32, filled with the rows of the sampled points, row 0 first.
    """
    _check_size(n, m)
    points = as_xyz(points).float()
    if takes_compiled_loop(points):
        xyz = points.transpose(1, 2).contiguous().numpy()
        _sample(xyz, temp.numpy(), _tie_order(n).numpy(), idx.numpy())
    else:
        batch = torch.arange(b, device=points.device)
        _sample_by_steps(lambda last: squared_distances(points[batch, last].unsqueeze(1), points).squeeze(1), temp, idx)


def furthest_point_sampling_with_dist_forward(points_dist: Tensor, temp: Tensor, idx: Tensor, b: int, n: int,
                                              m: int) -> None:
    """Kernel behind ``mmcv.ops.furthest_point_sample_with_dist``.

    Args:
        points_dist: ``[B, N, N]`` distances between all points.
        temp: ``[B, N]``, large numbers; holds distances to the sample afterwards.
        idx: ``[B, M]`` int32, filled with the rows of the sampled points, row 0 first.
    """
    _check_size(n, m)
    batch = torch.arange(b, device=points_dist.device)
    _sample_by_steps(lambda last: points_dist[batch, last], temp, idx)


@njit
def _sample(xyz: np.ndarray, nearest: np.ndarray, order: np.ndarray, picked: np.ndarray) -> None:
    """Coordinates ``[B, 3, N]``, distances to the sample ``[B, N]``, candidates in order ``[N]``, result ``[B, M]``."""
    for scan in range(picked.shape[0]):
        x, y, z = xyz[scan]
        distances = nearest[scan]
        last = 0
        for step in range(picked.shape[1]):
            picked[scan, step] = last
            for point in range(len(x)):
                distance = squared_distance(x[point] - x[last], y[point] - y[last], z[point] - z[last])
                distances[point] = min(distance, distances[point])
            last = order[0]
            for point in order:
                if distances[point] > distances[last]:
                    last = point


def _sample_by_steps(distances_from: Callable[[Tensor], Tensor], nearest: Tensor, idx: Tensor) -> None:
    """The same in plain PyTorch; ``distances_from`` maps rows ``[B]`` to their distances ``[B, N]``."""
    order = _tie_order(nearest.shape[1]).to(nearest.device)
    last = torch.zeros(len(nearest), dtype=torch.int64, device=nearest.device)
    for step in range(idx.shape[1]):
        idx[:, step] = last
        torch.minimum(nearest, distances_from(last).to(nearest.dtype), out=nearest)
        last = order[nearest[:, order].argmax(1)]


def _tie_order(n: int) -> Tensor:
    """The points ``[N]`` in the order in which mmcv's CUDA kernel prefers them when they are equally far.

    Thread t looks at points t, t + threads, ...; then t meets t + threads / 2, then t + threads / 4, and so on, and the
    lower one wins a tie. So the first to win have the smallest thread number with its bits read backwards.
    """
    threads = min(2**int(math.log(n) / math.log(2)), THREADS_PER_BLOCK)
    reversed_bits = torch.zeros(1, dtype=torch.int64)
    while len(reversed_bits) < threads:
        reversed_bits = torch.cat([2 * reversed_bits, 2 * reversed_bits + 1])
    order = (reversed_bits.unsqueeze(1) + torch.arange(0, n, threads)).flatten()
    return order[order < n]


def _check_size(n: int, m: int) -> None:
    if m > 0 and n == 0:
        raise ValueError(f'cannot sample {m} points from a cloud without points')


def let_mmcv_sample_on_cpu() -> None:
    """Patches ``mmcv.ops.furthest_point_sample``, which allocates its results on CUDA wherever the points are.

    Until mmcv allocates them beside the points (2.1.0 does not). On CUDA the stock code runs untouched.
    """
    from mmcv.ops.furthest_point_sample import FurthestPointSampling
    stock = FurthestPointSampling.forward
    if hasattr(stock, 'on_any_device'):
        return

    def forward(ctx: Any, points_xyz: Tensor, num_points: int) -> Tensor:
        if points_xyz.is_cuda:
            return stock(ctx, points_xyz, num_points)
        b, n = points_xyz.shape[:2]
        idx = points_xyz.new_zeros((b, num_points), dtype=torch.int32)
        temp = points_xyz.new_full((b, n), 1e10, dtype=torch.float32)
        furthest_point_sampling_forward(points_xyz, temp, idx, b=b, n=n, m=num_points)
        ctx.mark_non_differentiable(idx)
        return idx

    forward.on_any_device = True  # type: ignore[attr-defined]  # a mark
    FurthestPointSampling.forward = staticmethod(forward)
