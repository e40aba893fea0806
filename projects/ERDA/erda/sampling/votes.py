"""Predictions of overlapping samples of a scan, averaged at each point."""
from typing import Callable, List, Optional, Sequence

import numpy as np
from scipy.spatial import cKDTree

from .regular_sampling import filled_up, least_seen, regular_sample


def vote(xyz: np.ndarray, num_points: int, predict: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], np.ndarray],
         votes: float, momentum: float = 0.95, batch_size: int = 1) -> np.ndarray:
    """A momentum average at each point of what is predicted for the samples that it is in.

    The first prediction of a point counts in full and each later one by at least ``1 - momentum``. Nothing is random
    but what fills up small scans, and that is the same each time.

    Args:
        xyz: ``[N, 3]`` x, y, z in metres.
        num_points: of each sample, see :func:`regular_sample`; where the scan has fewer, some come twice.
        predict: maps B samples, rows ``[num_points]`` and centre ``[3]`` each, to ``[B, num_points, D]``.
        votes: samples are drawn until each point has been seen with this weight in all, where 1 is the middle of one.
        momentum: in [0, 1), the weight of what was predicted before.
        batch_size: largest B.

    Returns: ``[N, D]`` float32.

    Source: the authors' test of RandLA-Net, https://github.com/QingyongHu/RandLA-Net. There averages begin at zero,
        which gives the same classes.
    """
    tree, seen, rng = cKDTree(xyz), np.zeros(len(xyz)), np.random.default_rng(0)
    average: Optional[np.ndarray] = None
    weight = np.zeros((len(xyz), 1), np.float32)
    while seen.min() < votes:
        samples: List[np.ndarray] = []
        centers: List[np.ndarray] = []
        while len(samples) < batch_size and seen.min() < votes:
            centers.append(least_seen(tree, seen))
            samples.append(regular_sample(tree, seen, num_points, centers[-1]))
        predicted = predict([filled_up(rows, num_points, rng) for rows in samples], centers)
        if average is None:
            average = np.zeros((len(xyz), predicted.shape[2]), np.float32)
        for rows, values in zip(samples, predicted):
            average[rows] = momentum * average[rows] + (1 - momentum) * values[:len(rows)]
            weight[rows] = momentum * weight[rows] + (1 - momentum)
    assert average is not None  # at least one vote was asked for
    return average / weight
