"""Which points can be the nearest, from a k-d tree."""
from typing import NamedTuple, Optional

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

LEAF_SIZE = 24
TINY = 1e-30  # squares below it lose digits in single precision


class Candidates(NamedTuple):
    """The nearest points by exact distances, in the order in which the centers were asked for.

    Attributes:
        centers: ``[M]``, rows of the centers.
        rows: ``[M, K + 1]``, of their nearest points, nearest first.
        distances: ``[M, K + 1]``, no other point is nearer than the last of them.
        rounding: by how much squared distances in the precision of the points can be off, a share of them.
    """
    centers: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    rounding: float


def nearest_candidates(points: np.ndarray, centers: np.ndarray, k: int) -> Optional[Candidates]:
    """The K + 1 nearest of points ``[N, 3]`` to each of centers ``[M, 3]``, on one core.

    Returns: ``None`` where a tree is of no use: with no more than K points, or coordinates that are not finite.
    """
    if len(points) <= k:
        return None
    try:
        tree = cKDTree(points, leafsize=LEAF_SIZE, balanced_tree=False)
        # Where points ask after each other, neighbours do so one after the other: what they need is in the cache.
        order = tree.indices if centers is points else np.arange(len(centers))
        distances, rows = tree.query(points[order] if centers is points else centers, k + 1)
    except ValueError:  # not finite
        return None
    return Candidates(order, rows, distances, float(16 * np.finfo(points.dtype).eps))


@njit
def others_at_least(distance: float, rounding: float) -> float:
    """The smallest squared distance, as rounded, of points that are no nearer than this; for use in compiled loops."""
    return distance * distance * (1 - rounding) - TINY
