"""Points whose distances tie, and the slow way to those distances."""
import numpy as np


def lattice(scans=2, points=150, size=5, seed=0):
    """Points ``[B, N, 3]`` on a small grid: many duplicates and ties, and distances without rounding."""
    return np.random.default_rng(seed).integers(0, size, (scans, points, 3)).astype(np.float32)


def squares(center, points):
    """Squared distances ``[N]`` of points ``[N, 3]`` to one center ``[3]``."""
    return ((points - center)**2).sum(-1)
