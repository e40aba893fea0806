"""The first points within a distance of each center.

Source: PointNet++, section 3.3, https://arxiv.org/abs/1706.02413
"""
import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor

from .squared_distance import as_xyz, squared_distance_chunks, squared_distances_to, takes_compiled_loop

PIECE, BLOCK = 1024, 32  # points whose distances are taken at once, and of which one test may pass over


def ball_query_forward(center_xyz: Tensor, xyz: Tensor, idx: Tensor, b: int, n: int, m: int, min_radius: float,
                       max_radius: float, nsample: int) -> None:
    """Kernel behind ``mmcv.ops.ball_query``.

    Args:
        center_xyz: ``[B, M, 3]``.
        xyz: ``[B, N, 3]``.
        idx: ``[B, M, nsample]`` int32, filled with the lowest rows of points at ``min_radius <= distance < max_radius``
            or at distance 0, in ascending order; the first of them fills what is left. Untouched if there is none.
    """
    center_xyz, xyz = as_xyz(center_xyz), as_xyz(xyz)
    nearest, farthest = (np.float32(radius) * np.float32(radius) for radius in (min_radius, max_radius))
    if takes_compiled_loop(xyz):
        room = np.empty((PIECE // BLOCK, BLOCK), xyz.numpy().dtype)
        integer = np.dtype(f'i{room.itemsize}')
        limit = int(room.dtype.type(farthest).view(integer))
        _query(center_xyz.numpy(), _in_pieces(xyz), idx.numpy(), nearest, farthest, room, room.view(integer), limit)
        return
    for chunk, squares in squared_distance_chunks(center_xyz, xyz):
        hit = (squares == 0) | ((squares >= float(nearest)) & (squares < float(farthest)))
        number = hit.cumsum(-1)
        found = idx[:, chunk]  # A view: what is written to it stays.
        found[number[..., -1] > 0] = hit.byte().argmax(-1, keepdim=True)[number[..., -1] > 0].int()
        scan, center, row = (hit & (number <= nsample)).nonzero(as_tuple=True)
        found[scan, center, number[scan, center, row] - 1] = row.int()


def _in_pieces(xyz: Tensor) -> np.ndarray:
    """Points ``[B, N, 3]`` as ``[B, pieces, 3, PIECE]``, filled up with what is in no ball."""
    by_axis = F.pad(xyz.transpose(1, 2), (0, -xyz.shape[1] % PIECE), value=torch.nan)
    return by_axis.unflatten(2, (by_axis.shape[2] // PIECE, PIECE)).transpose(1, 2).contiguous().numpy()


@njit
def _query(centers: np.ndarray, pieces: np.ndarray, idx: np.ndarray, nearest: np.float32, farthest: np.float32,
           squares: np.ndarray, bits: np.ndarray, limit: int) -> None:
    """Pieces of the points until there are enough.

    Args:
        squares: ``[PIECE / BLOCK, BLOCK]``, memory for squared distances.
        bits: the same memory as integers, in the order of the distances; their least is found by vectors.
        limit: ``farthest`` as such an integer.
    """
    for scan in range(len(centers)):
        for center in range(centers.shape[1]):
            found = idx[scan, center]
            hits = 0
            for piece in range(pieces.shape[1]):
                squared_distances_to(centers[scan, center], pieces[scan, piece], squares.reshape(-1))
                hits = _take_hits(squares, bits, limit, nearest, farthest, piece * PIECE, hits, found)
                if hits == len(found):
                    break


@njit
def _take_hits(squares: np.ndarray, bits: np.ndarray, limit: int, nearest: np.float32, farthest: np.float32, start: int,
               hits: int, found: np.ndarray) -> int:
    """Add rows to those found; how many there are then."""
    for block in range(len(squares)):
        of_block = bits[block]
        least = of_block[0]
        for row in range(BLOCK):
            least = min(least, of_block[row])
        if least >= limit:
            continue
        for row in range(BLOCK):
            square = squares[block, row]
            if square == 0 or nearest <= square < farthest:
                if hits == 0:
                    found[:] = start + block * BLOCK + row
                found[hits] = start + block * BLOCK + row
                hits += 1
                if hits == len(found):
                    return hits
    return hits
