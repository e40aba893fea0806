"""Occupied voxels among the voxels of points."""
import math
from typing import NamedTuple, Tuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from .squared_distance import takes_compiled_loop


class UniqueCoors(NamedTuple):
    """Distinct voxels of N rows.

    Attributes:
        coors: ``[V, D]``, in lexicographic order.
        voxel_of_row: ``[N]`` int64.
        counts: ``[V]`` int64, rows of each voxel.
        first_row: ``[V]`` int64, the first of them.
    """
    coors: Tensor
    voxel_of_row: Tensor
    counts: Tensor
    first_row: Tensor


def unique_coors(coors: Tensor) -> UniqueCoors:
    """``torch.unique(coors, dim=0)`` by one integer per voxel, and on a CPU by sorting the voxels instead of the rows.

    Args:
        coors: ``[N, D]`` integers.

    Examples:
        >>> unique_coors(torch.tensor([[3, 1], [0, -2], [3, 1]]))
        UniqueCoors(coors=tensor([[ 0, -2],
                [ 3,  1]]), voxel_of_row=tensor([1, 0, 1]), counts=tensor([1, 2]), first_row=tensor([1, 0]))
    """
    if takes_compiled_loop(coors) and len(coors):
        low, high = _bounds(coors.numpy())
        extents = [int(last) - int(first) + 1 for first, last in zip(low, high)]
        if math.prod(extents) <= torch.iinfo(torch.int64).max:
            return _by_compiled_loop(coors, low, np.array(extents))
    elif len(coors):
        lowest = coors.amin(0)
        extents = [last + 1 for last in (coors.amax(0) - lowest).tolist()]
        if math.prod(extents) <= torch.iinfo(torch.int64).max:
            key = coors.new_zeros(len(coors), dtype=torch.int64)
            for coor, extent in zip((coors - lowest).long().unbind(1), extents):
                key = key * extent + coor
            _, voxel_of_row, counts = key.unique(return_inverse=True, return_counts=True)
            first_row = _first_rows(voxel_of_row, len(counts))
            return UniqueCoors(coors[first_row], voxel_of_row, counts, first_row)
    voxels, voxel_of_row, counts = torch.unique(coors, dim=0, return_inverse=True, return_counts=True)
    return UniqueCoors(voxels, voxel_of_row, counts, _first_rows(voxel_of_row, len(voxels)))


def _first_rows(voxel_of_row: Tensor, num_voxels: int) -> Tensor:
    rows = torch.arange(len(voxel_of_row), device=voxel_of_row.device)
    return rows.new_full((num_voxels, ), len(rows)).scatter_reduce_(0, voxel_of_row, rows, 'amin')


def _by_compiled_loop(coors: Tensor, low: np.ndarray, extents: np.ndarray) -> UniqueCoors:
    groups, keys, first, counts = _by_first_row(coors.numpy(), low, extents)
    order = np.argsort(keys)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    first_row = torch.from_numpy(first[order])
    return UniqueCoors(coors[first_row], torch.from_numpy(rank[groups]), torch.from_numpy(counts[order]), first_row)


@njit
def _bounds(coors: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Smallest and largest coordinates ``[D]`` int64."""
    low, high = coors[0].astype(np.int64), coors[0].astype(np.int64)
    for row in range(1, len(coors)):
        for axis in range(coors.shape[1]):
            low[axis], high[axis] = min(low[axis], coors[row, axis]), max(high[axis], coors[row, axis])
    return low, high


@njit
def _by_first_row(coors: np.ndarray, low: np.ndarray, extents: np.ndarray) -> Tuple[np.ndarray, ...]:
    """Groups of equal rows, numbered as they first occur.

    Returns: the group of each row ``[N]``, and of each group ``[V]`` a key that orders them, the first row and the
    number of rows.
    """
    bits = 1
    while 1 << bits < 2 * len(coors):
        bits += 1
    mask, shift = (1 << bits) - 1, np.uint64(64 - bits)
    table = np.full(mask + 1, -1, np.int32)  # number of a group, at its hash or in the next free place
    groups, keys = np.empty(len(coors), np.int32), np.empty(len(coors), np.int64)
    first, counts = np.empty(len(coors), np.int64), np.zeros(len(coors), np.int64)
    total = 0
    for row in range(len(coors)):
        key = np.int64(0)
        for axis in range(coors.shape[1]):
            key = key * extents[axis] + (np.int64(coors[row, axis]) - low[axis])
        place = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> shift)
        number = table[place]
        while number >= 0 and keys[number] != key:
            place = (place + 1) & mask
            number = table[place]
        if number < 0:
            number = table[place] = total
            keys[number], first[number] = key, row
            total += 1
        groups[row] = number
        counts[number] += 1
    return groups, keys[:total], first[:total], counts[:total]
