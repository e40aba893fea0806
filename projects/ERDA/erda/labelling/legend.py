"""What colours mean, beside the cloud."""
import html
from typing import Optional, Sequence

import numpy as np

from .colouring import NO_LABEL, PERCENTILES, VOID_COLOUR, scale_colours

STEPS = 8
STYLE = 'font-size: .85em; padding: 0 .7em .5em'


def class_legend(labels: np.ndarray, classes: Sequence[str], palette: Sequence[Sequence[int]]) -> str:
    """HTML with the colour of each class and its number of points.

    Args:
        labels: ``[N]`` a class 0 to K-1, K for void, anything else for none.
        classes: K names.
        palette: K colours.
    """
    counts = np.bincount(np.where((labels >= 0) & (labels <= len(classes)), labels, len(classes) + 1),
                         minlength=len(classes) + 2)
    rows = zip([*classes, 'void', 'no label'], [*palette, VOID_COLOUR, NO_LABEL], counts.tolist())
    return f'<table style="{STYLE}">' + ''.join(
        f'<tr><td style="background: rgb({r}, {g}, {b}); width: 1.2em"></td><td style="padding: 0 .6em">'
        f'{html.escape(name)}</td><td style="text-align: right">{count:,}</td></tr>'
        for name, (r, g, b), count in rows if count or name in classes) + '</table>'


def scale_legend(values: np.ndarray, low: Optional[float], high: Optional[float], unit: str = '') -> str:
    """HTML with the ends of a scale, see :func:`scale_colours`, and the unit of the values."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ''
    ends = np.percentile(known, PERCENTILES)
    low, high = float(ends[0]) if low is None else low, float(ends[1]) if high is None else high
    colours = ', '.join('rgb({}, {}, {})'.format(*colour)
                        for colour in scale_colours(np.linspace(0, 1, STEPS), 0, 1).tolist())
    bar = f'<div style="flex: 1; background: linear-gradient(to right, {colours})"></div>'
    return f'<div style="display: flex; gap: .6em; {STYLE}">{low:.6g}{bar}{high:.6g} {unit}</div>'
