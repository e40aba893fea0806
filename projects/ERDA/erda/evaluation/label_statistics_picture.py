"""A picture of weak labels against the truth."""
import os
from pathlib import Path
from typing import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .label_statistics import LabelStatistics

TRUTH_COLOR, LABEL_COLOR = '0.72', '#d1495b'


def save_statistics_picture(path: Path, statistics: Sequence[LabelStatistics]) -> None:
    """Write a PNG: for each base the share of each class in the truth and in the labels, and labels per scan below.

    Args:
        path: where to write; complete or not at all.
        statistics: one for each base, a column each.
    """
    classes = statistics[0].classes
    figure = Figure(figsize=(6.5 * len(statistics), 3.4 + 0.27 * len(classes)), layout='constrained')
    axes = figure.subplots(2, len(statistics), squeeze=False, height_ratios=(0.27 * len(classes) + 1, 2))
    for i, counts in enumerate(statistics):
        _draw_classes(axes[0, i], counts)
        _draw_scans(axes[1, i], counts)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part.png')
    FigureCanvasAgg(figure).print_png(part)
    os.replace(part, path)


def _draw_classes(axes, counts: LabelStatistics) -> None:
    place = np.arange(len(counts.classes))
    for shift, values, color, name in ((-0.2, counts.truth, TRUTH_COLOR, 'truth'),
                                       (0.2, counts.labels, LABEL_COLOR, 'weak labels')):
        axes.barh(place + shift, 100 * values / max(values.sum(), 1), 0.4, color=color, label=name)
    axes.set_yticks(place, [f'{name} (no label)' if name in counts.without_label else name for name in counts.classes])
    axes.set(xscale='log', xlabel='share in percent', title=f'{counts.base}: {100 * counts.share:.3g}% labelled')
    axes.invert_yaxis()
    axes.legend(loc='lower right', frameon=False)


def _draw_scans(axes, counts: LabelStatistics) -> None:
    per_scan = counts.labels_per_scan
    axes.hist(per_scan, bins=min(40, len(np.unique(per_scan)) + 1), color=LABEL_COLOR)
    axes.set(xlabel=f'labels per scan: mean {per_scan.mean():.1f}, from {per_scan.min()} to {per_scan.max()}',
             ylabel='scans')
