"""One table for several ways to train the same segmentor."""
import math
from typing import Dict, List, NamedTuple, Optional, Sequence

from rich.table import Table

from .label_counts import LabelCounts


class MethodResult(NamedTuple):
    """A column of the table: IoU per class is in 0 to 1, NaN where a class neither occurs nor is predicted."""
    name: str
    ratio: float
    labels: LabelCounts
    iou: Dict[str, float]


def mean_iou(result: MethodResult, classes: Sequence[str]) -> float:
    """Mean over ``classes``, NaN if one of them is."""
    return sum(result.iou[name] for name in classes) / len(classes)


def comparison_rows(results: Sequence[MethodResult], classes: Optional[Sequence[str]] = None) -> List[List[str]]:
    """Header and rows of text; IoU in percent.

    Args:
        results: one for each column, tested on the same scans.
        classes: the classes that the mean is over; those that have an IoU in every column if ``None``.
    """
    if classes is None:
        classes = [name for name in results[0].iou if not any(math.isnan(result.iou[name]) for result in results)]
    rows = [['', *(result.name for result in results)]]
    rows.append(['budget', *(f'{100 * result.ratio:g}%' for result in results)])
    rows.append(['labels per scan', *(f'{result.labels.labels_per_scan:.0f}' for result in results)])
    rows.append(['of points per scan', *(f'{result.labels.points_per_scan:.0f}' for result in results)])
    rows.append(['labelled voxels per scan', *(f'{result.labels.labelled_voxels_per_scan:.0f}' for result in results)])
    rows.append(['of voxels per scan', *(f'{result.labels.voxels_per_scan:.0f}' for result in results)])
    rows += [[name, *(f'{100 * result.iou[name]:.1f}' for result in results)] for name in classes]
    rows.append([f'mIoU of {len(classes)}', *(f'{100 * mean_iou(result, classes):.1f}' for result in results)])
    return rows


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table, numbers to the right."""
    header, *body = rows
    lines = [header, ['---', *['---:'] * (len(header) - 1)], *body]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in lines) + '\n'


def as_rich_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """The rows for a terminal."""
    header, *body = rows
    table = Table(title=title)
    for i, name in enumerate(header):
        table.add_column(name, justify='right' if i else 'left')
    for i, row in enumerate(body):
        table.add_row(*row, style='bold' if i == len(body) - 1 else None, end_section=i in (4, len(body) - 2))
    return table
