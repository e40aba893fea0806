"""Samples of a scan that overlap and cover it evenly: each lies where the others have seen least."""
import numpy as np
from scipy.spatial import cKDTree


def least_seen(tree: cKDTree, seen: np.ndarray) -> np.ndarray:
    """``[3]`` the point that samples have seen least, of several the first.

    Args:
        tree: of N points.
        seen: ``[N]``, see :func:`regular_sample`.
    """
    return tree.data[np.argmin(seen)]


def regular_sample(tree: cKDTree, seen: np.ndarray, num_points: int, center: np.ndarray) -> np.ndarray:
    """The points of a scan that are nearest to a centre, nearest first, and how well each has been seen by now.

    A sample that reaches as far as r adds ``(1 - d^2 / r^2)^2`` to a point at a distance d from the centre: one in the
    middle, none at the edge.

    Args:
        tree: of N points.
        seen: ``[N]`` float, the sums of all samples up to now; this one is added in place.
        num_points: of the sample; it has all points of a scan with fewer.
        center: ``[3]`` x, y, z.

    Returns: ``[min(N, num_points)]`` int64 in 0 to N-1.

    Source: "possibility" in the authors' code for RandLA-Net, https://github.com/QingyongHu/RandLA-Net

    Examples:
        >>> tree, seen = cKDTree([[0., 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]]), np.zeros(4)
        >>> regular_sample(tree, seen, 3, least_seen(tree, seen)).tolist(), seen.tolist()
        ([0, 1, 2], [1.0, 0.5625, 0.0, 0.0])
        >>> least_seen(tree, seen).tolist()
        [2.0, 0.0, 0.0]
    """
    distances, rows = tree.query(center, k=range(1, min(num_points, tree.n) + 1))
    squares = distances**2
    seen[rows] += (1 - squares / max(squares[-1], np.finfo(float).tiny))**2
    return rows


def filled_up(rows: np.ndarray, num_points: int, rng: np.random.Generator) -> np.ndarray:
    """``[num_points]``, the rows and, where there are fewer, some of them again at random."""
    return np.concatenate([rows, rng.choice(rows, num_points - len(rows))])
