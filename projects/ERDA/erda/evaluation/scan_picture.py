"""Bird's-eye pictures of labelled scans side by side."""
import os
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

HIDDEN_COLOR = (0.38, 0.39, 0.43)
BACKGROUND = (0.08, 0.08, 0.10)
MAX_RADIUS = 30.0  # half the side of the square that is shown, metres
CUT_HEIGHT = 0.75  # share of a room's height that is shown


class LabelledScan(NamedTuple):
    """A panel of the picture.

    Attributes:
        title: text above the scan.
        points: ``[N, C]``, x, y, z in metres first.
        labels: ``[N]`` integers; what is not in 0 to K-1 is drawn in grey below everything else.
        emphasis: draw the labelled points large, for labels that are few.
    """
    title: str
    points: np.ndarray
    labels: np.ndarray
    emphasis: bool = False


def save_scan_picture(path: Path, panels: Sequence[LabelledScan], classes: Sequence[str],
                      palette: Sequence[Sequence[int]]) -> None:
    """Write a PNG with the scans in a row seen from above, and a legend of the classes that occur.

    Of a large scan the square of 60 m around the sensor is shown. A ceiling is taken off, for nothing else would show.

    Args:
        path: where to write; complete or not at all.
        panels: what to draw.
        classes: K names.
        palette: K colours of red, green, blue in 0 to 255.
    """
    colors = np.asarray(palette, dtype=float) / 255
    figure = Figure(figsize=(5 * len(panels), 5.9), facecolor=BACKGROUND)
    for i, panel in enumerate(panels):
        axes = figure.add_axes((i / len(panels), 0.13, 1 / len(panels) - 0.004, 0.80))
        _draw(axes, _without_ceiling(panel) if 'ceiling' in classes else panel, colors)
    occurring = np.unique(np.concatenate([_valid(panel.labels, len(classes)) for panel in panels]))
    handles = [_dot(colors[label], classes[label]) for label in occurring] + [_dot(HIDDEN_COLOR, 'no label')]
    figure.legend(handles=handles, loc='lower center', ncol=min(len(handles), 10), frameon=False, labelcolor='white')
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part.png')
    FigureCanvasAgg(figure).print_png(part)
    os.replace(part, path)


def _without_ceiling(panel: LabelledScan) -> LabelledScan:
    height = panel.points[:, 2]
    below = height < height.min() + CUT_HEIGHT * (height.max() - height.min())
    return panel._replace(points=panel.points[below], labels=panel.labels[below])


def _draw(axes, panel: LabelledScan, colors: np.ndarray) -> None:
    low, high = panel.points[:, :2].min(axis=0), panel.points[:, :2].max(axis=0)
    centre, radius = (low + high) / 2, 0.52 * (high - low).max()
    if radius > MAX_RADIUS:
        centre, radius = np.zeros(2), MAX_RADIUS
    near = np.abs(panel.points[:, :2] - centre).max(axis=1) < radius
    points, labels = panel.points[near], panel.labels[near]
    order = np.argsort(points[:, 2], kind='stable')  # what is higher hides what is below, as seen from above
    points, labels = points[order], labels[order]
    has_label = (labels >= 0) & (labels < len(colors))
    axes.scatter(*points[~has_label, :2].T, s=1.2, color=HIDDEN_COLOR, linewidths=0)
    axes.scatter(
        *points[has_label, :2].T, s=18 if panel.emphasis else 2.5, c=colors[labels[has_label]], linewidths=0)
    (left, bottom), (right, top) = centre - radius, centre + radius
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect='equal', facecolor=BACKGROUND)
    axes.set_title(panel.title, color='white', fontsize=13)
    axes.axis('off')


def _valid(labels: np.ndarray, num_classes: int) -> np.ndarray:
    return labels[(labels >= 0) & (labels < num_classes)]


def _dot(color, label: str):
    return Line2D([], [], marker='o', linestyle='', markersize=8, color=color, label=label)
