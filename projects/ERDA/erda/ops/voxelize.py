"""Points to voxels of a box: their coordinates only (dynamic), or the points as well (hard)."""
from typing import Tuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from .squared_distance import takes_compiled_loop
from .unique_coors import unique_coors


def dynamic_voxelize_forward(points: Tensor, voxel_size: Tensor, coors_range: Tensor, coors: Tensor,
                             NDim: int = 3) -> None:
    """Kernel behind ``mmcv.ops.voxelization`` without limits on points or voxels.

    Args:
        points: ``[N, C]``, coordinates x, y, z first.
        voxel_size: ``[3]`` float32 (x, y, z).
        coors_range: ``[6]`` float32, the lower corner of the box and then the upper one.
        coors: ``[N, 3]`` int32, filled with the voxel (z, y, x) of each point, -1 where the point is outside.
    """
    voxel_size, coors_range = voxel_size.to(points.device), coors_range.to(points.device)
    lower, upper = coors_range[:NDim], coors_range[NDim:]
    # Half a voxel rounds up, as in C, not to the even number, as in PyTorch.
    grid_size = ((upper - lower) / voxel_size).double().add(0.5).floor()
    voxels = ((points[:, :NDim] - lower) / voxel_size).floor()
    inside = ((voxels >= 0) & (voxels < grid_size)).all(1, keepdim=True)
    coors.copy_(torch.where(inside, voxels, -1).flip(1))


def hard_voxelize_forward(points: Tensor, voxel_size: Tensor, coors_range: Tensor, voxels: Tensor, coors: Tensor,
                          num_points_per_voxel: Tensor, voxel_num: Tensor, max_points: int, max_voxels: int,
                          NDim: int = 3, deterministic: bool = True) -> None:
    """Kernel behind ``mmcv.ops.voxelization`` with limits; deterministic also where it need not be.

    Voxels are numbered by their first point and keep their first points.

    Args:
        points: ``[N, C]``, coordinates x, y, z first.
        voxel_size: ``[3]`` float32 (x, y, z).
        coors_range: ``[6]`` float32, the lower corner of the box and then the upper one.
        voxels: ``[max_voxels, max_points, C]``, filled with the points of each voxel.
        coors: ``[max_voxels, 3]`` int32, filled with the voxels (z, y, x).
        num_points_per_voxel: ``[max_voxels]`` int32, filled with the number of points kept in each.
        voxel_num: scalar, filled with the number of voxels.
    """
    coors_of_points = coors.new_empty((len(points), NDim))
    dynamic_voxelize_forward(points, voxel_size, coors_range, coors_of_points, NDim)
    if takes_compiled_loop(points):
        slots, first, counts = (torch.from_numpy(found) for found in _first_points(
            coors_of_points.numpy(), max_points, max_voxels))
        rows, total = (slots >= 0).nonzero().squeeze(1), len(first)
        voxels.view(-1, points.shape[1]).index_copy_(0, slots[rows], points.index_select(0, rows))
        coors[:total] = coors_of_points[first]
        num_points_per_voxel[:total] = counts
        voxel_num.fill_(total)
        return
    rows = (coors_of_points[:, 0] >= 0).nonzero().squeeze(1)
    cells, cell_of_row, _, first_row = unique_coors(coors_of_points[rows])
    by_first_row = first_row.argsort()
    number = torch.empty_like(by_first_row)
    number[by_first_row] = torch.arange(len(cells), device=points.device)

    voxel_of_row, order = number[cell_of_row].sort(stable=True)
    counts = torch.bincount(voxel_of_row, minlength=len(cells))
    place = torch.arange(len(rows), device=points.device) - (counts.cumsum(0) - counts)[voxel_of_row]
    kept = (voxel_of_row < max_voxels) & (place < max_points)
    total = min(len(cells), max_voxels)
    voxels[voxel_of_row[kept], place[kept]] = points[rows[order[kept]]]
    coors[:total] = cells[by_first_row[:total]]
    num_points_per_voxel[:total] = counts[:total].clamp(max=max_points).to(num_points_per_voxel.dtype)
    voxel_num.fill_(total)


@njit
def _first_points(coors: np.ndarray, max_points: int, max_voxels: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels ``[N, 3]`` of points to slots ``[N]``, voxel * max_points + place, -1 for points that are left out.

    Returns: slots, and of each voxel ``[V]`` the first point and the number of points that are kept.
    """
    size = 2
    while size < 2 * len(coors):
        size *= 2
    table = np.full(size, -1, np.int32)  # number of a voxel, at its hash or in the next free place
    slots = np.full(len(coors), -1, np.int64)
    first, counts = np.empty(len(coors), np.int64), np.zeros(len(coors), np.int32)
    total = 0
    for row in range(len(coors)):
        z, y, x = np.int64(coors[row, 0]), np.int64(coors[row, 1]), np.int64(coors[row, 2])
        if z < 0:
            continue
        place = (x * 73856093 ^ y * 19349663 ^ z * 83492791) & (size - 1)
        number = table[place]
        while number >= 0 and (coors[first[number], 2] != x or coors[first[number], 1] != y or
                               coors[first[number], 0] != z):
            place = (place + 1) & (size - 1)
            number = table[place]
        if number < 0:
            if total == max_voxels:
                continue
            number = table[place] = total
            first[number] = row
            total += 1
        if counts[number] < max_points:
            slots[row] = number * np.int64(max_points) + counts[number]
            counts[number] += 1
    return slots, first[:total], counts[:total]
