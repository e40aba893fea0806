"""The first points within a distance of each center.

Source: PointNet++, section 3.3, https://arxiv.org/abs/1706.02413
"""
import numpy as np
from numba import njit
from torch import Tensor

from .squared_distance import as_xyz, squared_distance, squared_distance_chunks, takes_compiled_loop

PIECE, BLOCK = 1024, 64  # points whose distances are taken at once, and of which one test may pass over


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
        _query(center_xyz.numpy(), xyz.transpose(1, 2).contiguous().numpy(), idx.numpy(), nearest, farthest)
        return
    for chunk, squares in squared_distance_chunks(center_xyz, xyz):
        hit = (squares == 0) | ((squares >= float(nearest)) & (squares < float(farthest)))
        number = hit.cumsum(-1)
        found = idx[:, chunk]  # A view: what is written to it stays.
        found[number[..., -1] > 0] = hit.byte().argmax(-1, keepdim=True)[number[..., -1] > 0].int()
        scan, center, row = (hit & (number <= nsample)).nonzero(as_tuple=True)
        found[scan, center, number[scan, center, row] - 1] = row.int()


@njit
def _query(centers: np.ndarray, xyz: np.ndarray, idx: np.ndarray, nearest: np.float32, farthest: np.float32) -> None:
    """Centers ``[B, M, 3]`` and points ``[B, 3, N]``, which are taken in pieces until there are enough."""
    points, samples = xyz.shape[2], idx.shape[2]
    squares = np.empty(PIECE, xyz.dtype)
    for scan in range(xyz.shape[0]):
        for center in range(centers.shape[1]):
            x, y, z = centers[scan, center]
            hits = start = 0
            while hits < samples and start < points:
                count = min(PIECE, points - start)
                for row in range(count):
                    squares[row] = squared_distance(x - xyz[scan, 0, start + row], y - xyz[scan, 1, start + row],
                                                    z - xyz[scan, 2, start + row])
                hits = _take_hits(squares[:count], nearest, farthest, start, hits, idx[scan, center])
                start += count


@njit
def _take_hits(squares: np.ndarray, nearest: np.float32, farthest: np.float32, start: int, hits: int,
               found: np.ndarray) -> int:
    """Add rows to those found; how many there are then."""
    for block in range(0, len(squares), BLOCK):
        last = min(block + BLOCK, len(squares))
        below = 0
        for row in range(block, last):  # counted in one sweep, which is faster than to stop at the first
            below += squares[row] < farthest
        if below == 0:
            continue
        for row in range(block, last):
            square = squares[row]
            if square == 0 or nearest <= square < farthest:
                if hits == 0:
                    found[:] = start + row
                found[hits] = start + row
                hits += 1
                if hits == len(found):
                    return hits
    return hits
