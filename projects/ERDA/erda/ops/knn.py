"""The k nearest points."""
from typing import Any, Optional, Tuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from .point_tree import nearest_candidates, others_at_least
from .squared_distance import (
    as_xyz,
    squared_distance,
    squared_distance_chunks,
    squared_distances_to,
    takes_compiled_loop,
)

FARTHEST = 1e10  # mmcv's kernel takes no point whose squared distance is larger


def knn_forward(xyz: Tensor, center_xyz: Tensor, idx: Tensor, dist2: Tensor, b: int, n: int, m: int,
                nsample: int) -> None:
    """Kernel behind ``mmcv.ops.knn``.

    Equally near points come in the order of mmcv's heap on a CPU, and by row elsewhere. Where points are missing, row 0
    at a squared distance of 1e10 stands in.

    Args:
        xyz: ``[B, N, 3]``; with more channels, see :func:`_packed_xyz`.
        center_xyz: ``[B, M, 3]``, likewise.
        idx: ``[B, M, K]`` int32, filled with the rows of the nearest points, nearest first.
        dist2: ``[B, M, K]`` float32, filled with their squared distances.
    """
    xyz = _packed_xyz(xyz, b, n)
    center_xyz = _packed_xyz(center_xyz, b, m)
    if takes_compiled_loop(xyz):
        same = xyz.data_ptr() == center_xyz.data_ptr() and n == m
        for scan, (points, rows, squares) in enumerate(zip(xyz.numpy(), idx.numpy(), dist2.numpy())):
            _nearest(points, points if same else center_xyz[scan].numpy(), rows, squares)
    else:
        rows, squares = nearest_by_sort(xyz, center_xyz, nsample)
        missing = squares >= FARTHEST
        idx.copy_(rows.masked_fill(missing, 0))
        dist2.copy_(squares.masked_fill(missing, FARTHEST))


def _packed_xyz(points: Tensor, b: int, n: int) -> Tensor:
    """The first B * N * 3 numbers of ``[B, N, C]`` as ``[B, N, 3]``.

    mmcv's kernel takes any memory for coordinates. mmdet3d's DGCNN hands it 64 features per point ("F-KNN"), and the
    published checkpoints were trained with the neighbours that came of it.
    """
    if points.shape[2] < 3:
        raise ValueError(f'kNN needs three coordinates per point, {points.shape[2]} given')
    return as_xyz(points.reshape(-1)[:b * n * 3].view(b, n, 3)).float()


def _nearest(xyz: np.ndarray, centers: np.ndarray, idx: np.ndarray, dist2: np.ndarray) -> None:
    """The nearest of points ``[N, 3]``: by a tree, and by mmcv's heap where equally near points make a difference."""
    candidates = nearest_candidates(xyz, centers, idx.shape[1])
    left = np.arange(len(centers)) if candidates is None else _in_order(xyz, centers, *candidates, idx, dist2)
    if len(left):
        _nearest_by_heap(np.ascontiguousarray(xyz.T), centers, left, idx, dist2)


@njit
def _in_order(xyz: np.ndarray, centers: np.ndarray, asked: np.ndarray, rows: np.ndarray, distances: np.ndarray,
              rounding: float, idx: np.ndarray, dist2: np.ndarray) -> np.ndarray:
    """Candidates in the order of their rounded distances; which centers have points that are equally near."""
    k = idx.shape[1]
    tied = np.zeros(len(centers), np.bool_)
    for number in range(len(asked)):
        center = asked[number]
        x, y, z = centers[center]
        squares = dist2[center]
        for candidate in range(k):
            row = rows[number, candidate]
            square = squared_distance(x - xyz[row, 0], y - xyz[row, 1], z - xyz[row, 2])
            place = candidate
            while place > 0 and squares[place - 1] > square:
                squares[place], idx[center, place] = squares[place - 1], idx[center, place - 1]
                place -= 1
            squares[place], idx[center, place] = square, row
            if place > 0 and squares[place - 1] == square:
                tied[center] = True
        if squares[k - 1] >= min(others_at_least(distances[number, k], rounding), FARTHEST):
            tied[center] = True
    return tied.nonzero()[0]


@njit
def _nearest_by_heap(xyz: np.ndarray, centers: np.ndarray, left: np.ndarray, idx: np.ndarray,
                     dist2: np.ndarray) -> None:
    """A heap with the farthest point of the nearest K on top, which a nearer one replaces; points ``[3, N]``.

    Args:
        left: rows of the centers to do.
    """
    k = idx.shape[1]
    squares = np.empty(k, np.float32)
    rows = np.empty(k, np.int32)
    candidates = np.empty(xyz.shape[1], np.float32)
    for center in left:
        squares.fill(FARTHEST)
        rows.fill(0)
        squared_distances_to(centers[center], xyz, candidates)
        for row in range(len(candidates)):
            if candidates[row] < squares[0]:
                squares[0] = candidates[row]
                rows[0] = row
                _sift_down(squares, rows, k)
        for size in range(k - 1, 0, -1):
            _swap(squares, rows, 0, size)
            _sift_down(squares, rows, size)
        for place in range(k):  # Assigning whole arrays takes numba seconds to compile.
            idx[center, place] = rows[place]
            dist2[center, place] = squares[place]


@njit
def _sift_down(squares: np.ndarray, rows: np.ndarray, size: int) -> None:
    """Let the top of the heap sink, past equals as well: that decides which of equally near points are kept."""
    parent = 0
    while 2 * parent + 1 < size:
        child = 2 * parent + 1
        if child + 1 < size and squares[child + 1] > squares[child]:
            child += 1
        if squares[parent] > squares[child]:
            break
        _swap(squares, rows, parent, child)
        parent = child


@njit
def _swap(squares: np.ndarray, rows: np.ndarray, i: int, j: int) -> None:
    squares[i], squares[j] = squares[j], squares[i]
    rows[i], rows[j] = rows[j], rows[i]


def nearest_by_sort(xyz: Tensor, centers: Tensor, k: int) -> Tuple[Tensor, Tensor]:
    """Rows ``[B, M, K]`` and squared distances of the nearest points, in plain PyTorch; infinity where none is left."""
    b, m = centers.shape[:2]
    rows = torch.zeros(b, m, k, dtype=torch.int64, device=xyz.device)
    squares = xyz.new_full((b, m, k), torch.inf)
    found = min(k, xyz.shape[1])
    for chunk, distances in squared_distance_chunks(centers, xyz):
        values, order = distances.sort(stable=True)
        rows[:, chunk, :found] = order[..., :found]
        squares[:, chunk, :found] = values[..., :found]
    return rows, squares


def let_mmcv_find_neighbors_on_cpu() -> None:
    """Patches ``mmcv.ops.knn``, which asks for the current CUDA device wherever the points are.

    Until mmcv asks only on CUDA (2.1.0 does not). On CUDA the stock code runs untouched.
    """
    from mmcv.ops.knn import KNN
    stock = KNN.forward
    if hasattr(stock, 'on_any_device'):
        return

    def forward(ctx: Any, k: int, xyz: Tensor, center_xyz: Optional[Tensor] = None, transposed: bool = False) -> Tensor:
        if xyz.is_cuda:
            return stock(ctx, k, xyz, center_xyz, transposed)
        if not 0 < k < 100:
            raise ValueError(f'k is between 1 and 99, not {k}')
        center_xyz = xyz if center_xyz is None else center_xyz
        if transposed:
            xyz, center_xyz = xyz.transpose(1, 2), center_xyz.transpose(1, 2)
        (b, n), m = xyz.shape[:2], center_xyz.shape[1]
        idx = xyz.new_zeros((b, m, k), dtype=torch.int32)
        dist2 = xyz.new_zeros((b, m, k), dtype=torch.float32)
        knn_forward(xyz, center_xyz, idx, dist2, b=b, n=n, m=m, nsample=k)
        idx = idx.transpose(1, 2).contiguous()
        ctx.mark_non_differentiable(idx)
        return idx

    forward.on_any_device = True  # type: ignore[attr-defined]  # a mark
    KNN.forward = staticmethod(forward)
