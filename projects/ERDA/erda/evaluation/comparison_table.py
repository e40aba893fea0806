"""One table for several ways to train the same segmentor."""
import math
import statistics
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence

import numpy as np
from rich.table import Table


class LabelCount(NamedTuple):
    """Labels that training sees on one base.

    Attributes:
        base: what is counted, in words.
        per_scan: mean number of labels in a scan.
        size: mean number of points or voxels in a scan.
    """
    base: str
    per_scan: float
    size: float


class MethodResult(NamedTuple):
    """A column of the table.

    Attributes:
        name: of the method.
        budget: what is labelled, in words.
        labels: how many that is, on raw points and on voxels, if the segmentor has any.
        runs: IoU of each class in 0 to 1 for each seed, NaN where a class neither occurs nor is predicted.
    """
    name: str
    budget: str
    labels: Sequence[LabelCount]
    runs: Sequence[Dict[str, float]]


def mean_ious(result: MethodResult, classes: Sequence[str]) -> List[float]:
    """Mean over ``classes`` for each seed, NaN if one of them is."""
    return [statistics.fmean(run[name] for name in classes) for run in result.runs]


def classes_with_iou(runs: Sequence[Dict[str, float]], names: Iterable[str]) -> List[str]:
    """Those of the names that have an IoU, and not NaN, in every run.

    Examples:
        >>> classes_with_iou([dict(car=0.9, truck=0.1), dict(car=0.8, truck=math.nan)], ['car', 'truck'])
        ['car']
    """
    return [name for name in names if not any(math.isnan(run[name]) for run in runs)]


def standard_deviation(values: Sequence[float]) -> float:
    """Of a sample; NaN for a single value, or if one of them is.

    Examples:
        >>> standard_deviation([1.0, 2.0, 3.0])
        1.0
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def comparison_rows(results: Sequence[MethodResult], classes: Optional[Sequence[str]] = None) -> List[List[str]]:
    """Header and rows of text; IoU in percent, with the standard deviation over seeds where there are several.

    Args:
        results: one for each column, tested on the same scans.
        classes: the classes that the mean is over; those that have an IoU in every run if ``None``.
    """
    if classes is None:
        runs = [run for result in results for run in result.runs]
        classes = classes_with_iou(runs, runs[0])
    rows = [['', *(result.name for result in results)]]
    rows.append(['budget', *(result.budget for result in results)])
    names = (('labels', 'points'), ('labelled voxels', 'voxels'))
    for (labels, base), counts in zip(names, zip(*(result.labels for result in results))):
        rows.append([f'{labels} per scan', *(f'{x.per_scan:.0f}' for x in counts)])
        rows.append([f'of {base} per scan', *(f'{x.size:.0f}' for x in counts)])
    rows += [[name, *(_percent([run[name] for run in result.runs]) for result in results)] for name in classes]
    rows.append([f'mIoU of {len(classes)}', *(_percent(mean_ious(result, classes)) for result in results)])
    return rows


def _percent(values: Sequence[float]) -> str:
    spread = f' ± {100 * standard_deviation(values):.1f}' if len(values) > 1 else ''
    return f'{100 * statistics.fmean(values):.1f}{spread}'


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table, numbers to the right.

    Examples:
        >>> print(as_markdown([['class', 'IoU'], ['car', '92.1']]), end='')
        | class | IoU |
        | --- | ---: |
        | car | 92.1 |
    """
    header, *body = rows
    lines = [header, ['---', *['---:'] * (len(header) - 1)], *body]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in lines) + '\n'


def as_rich_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """The rows for a terminal."""
    header, *body = rows
    table = Table(title=title)
    for i, name in enumerate(header):
        table.add_column(name, justify='right' if i else 'left')
    ends = (max(i for i, row in enumerate(body) if row[0].startswith('of ')), len(body) - 2)
    for i, row in enumerate(body):
        table.add_row(*row, style='bold' if i == len(body) - 1 else None, end_section=i in ends)
    return table
