"""Colours of points: values of a field as a scale, classes as colours that everybody can tell apart."""
from typing import Optional, Sequence

import matplotlib
import numpy as np

from ..evaluation.scan_picture import HIDDEN_COLOR

NO_LABEL = tuple(round(255 * part) for part in HIDDEN_COLOR)
VOID_COLOUR = (255, 255, 255)
SCALE = 'cividis'  # the same with and without red-green blindness
DARKEST = 0.2  # share of the scale that a dark background would hide
PERCENTILES = (1, 99)


def scale_colours(values: np.ndarray, low: Optional[float] = None, high: Optional[float] = None) -> np.ndarray:
    """``[N, 3]`` uint8 of values ``[N]``: blue is low, yellow is high, grey is not known.

    Args:
        values: numbers.
        low, high: where the scale begins and ends; the first and the last percent of the values by default.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full((len(values), 3), NO_LABEL, dtype=np.uint8)
    ends = np.percentile(values[known], PERCENTILES)
    low, high = ends[0] if low is None else low, ends[1] if high is None else high
    share = (np.where(known, values, low) - low) / max(high - low, 1e-12)
    table = (255 * matplotlib.colormaps[SCALE](np.linspace(DARKEST, 1, 256))[:, :3]).astype(np.uint8)
    colours = table[np.clip(256 * share, 0, 255).astype(np.uint8)]
    colours[~known] = NO_LABEL
    return colours


def class_colours(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """``[N, 3]`` uint8 of labels ``[N]``: a class 0 to K-1, K for void, anything else for none.

    Examples:
        >>> class_colours(np.array([1, -1, 2]), [(1, 1, 1), (2, 2, 2)]).tolist()
        [[2, 2, 2], [97, 99, 110], [255, 255, 255]]
    """
    table = np.array([*palette, VOID_COLOUR, NO_LABEL], dtype=np.uint8)
    return table[np.where((labels >= 0) & (labels <= len(palette)), labels, len(palette) + 1)]


def rgb_colours(colours: np.ndarray, depth: float) -> np.ndarray:
    """``[N, 3]`` uint8 of colours whose largest value is ``depth``."""
    return np.clip(colours * (255 / depth), 0, 255).astype(np.uint8)
