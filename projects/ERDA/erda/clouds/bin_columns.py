"""How many columns a file of bare numbers has: from what the numbers look like, never from divisibility alone."""
import math
from typing import List, Sequence

import numpy as np

WIDTHS = range(3, 9)
SAMPLE_POINTS = 4000
MIXED = 0.3  # largest distance of distributions, 0 to 1, that the order of a sensor's points makes within a column
LARGEST, SMALLEST = 1e8, 1e-20  # of numbers that somebody measured; random bytes are beyond


def plausible_widths(values: np.ndarray) -> List[int]:
    """Numbers of columns that the values can have, the fewest first.

    With a wrong number, a column takes its values from several in turn, and each of these turns has another
    distribution. Small files do not tell.

    Args:
        values: ``[M]`` float32, the whole file.

    Examples:
        >>> points = np.random.default_rng(0).uniform([0, -9, 2, 10], [5, 0, 3, 99], (5000, 4))
        >>> plausible_widths(points.astype(np.float32).ravel())
        [4]
    """
    fitting = [width for width in WIDTHS if len(values) % width == 0]
    sample = np.abs(values[:SAMPLE_POINTS * max(WIDTHS)])
    sample = sample[np.isfinite(sample) & (sample > 0)]
    if ((sample > LARGEST) | (sample < SMALLEST)).sum() > len(sample) / 100:
        return []
    found = [width for width in fitting if not _is_mixed(values[:SAMPLE_POINTS * width].reshape(-1, width))]
    # Twice the columns look alike, so that the fewer are right; if the file is large enough to tell.
    return [width for width in found if not (width / 2 in found and len(values) / width >= SAMPLE_POINTS / 8)]


def names_of_columns(width: int, values: np.ndarray) -> List[str]:
    """The usual names: x, y, z, intensity as in KITTI, ring as in nuScenes, red, green, blue as mmdet3d writes rooms.

    Args:
        width: number of columns.
        values: ``[N, width]``, some points.
    """
    names = ['x', 'y', 'z', 'intensity', *(f'column_{i}' for i in range(5, width + 1))][:width]
    behind = values[:, 3:]
    whole = bool((behind == np.round(behind)).all(axis=0).all()) and bool((behind >= 0).all())
    if width == 6 and whole and behind.max(initial=0) <= 255:
        return ['x', 'y', 'z', 'red', 'green', 'blue']
    if width == 5 and len(behind) and (behind[:, 1] == np.round(behind[:, 1])).all() and behind[:, 1].min() >= 0:
        names[4] = 'ring'
    return names


def _is_mixed(rows: np.ndarray) -> bool:
    """Whether the columns of some points are other columns in turn."""
    width = rows.shape[1]
    # Share of values that are at most as large: no scale, and equal values stay equal.
    ranks = [np.searchsorted(np.sort(values), values, side='right') / len(rows) for values in rows.T]
    for turns in {other // math.gcd(other, width) for other in WIDTHS} - {1}:
        distance = np.mean([_distance([column[start::turns] for start in range(turns)]) for column in ranks])
        if distance > MIXED + 2 / math.sqrt(max(len(rows) // turns, 1)):
            return True
    return False


def _distance(groups: Sequence[np.ndarray]) -> float:
    """Largest difference of the cumulative distributions of ranks in 0 to 1."""
    edges = np.linspace(0, 1, 65)
    shares = np.array([np.searchsorted(np.sort(group), edges, side='right') / max(len(group), 1) for group in groups])
    return float((shares.max(axis=0) - shares.min(axis=0)).max())
