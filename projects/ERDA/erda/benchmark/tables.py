"""Tables of results over methods, budgets and seeds."""
import math
import statistics
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from ..evaluation.comparison_table import LabelCount, MethodResult, classes_with_iou, standard_deviation
from ..evaluation.confusion_metric import seg_metric_results
from .results import CellResult
from .spec import OWN_BUDGET


class Summary(NamedTuple):
    """mIoU in percent of one method with one budget.

    Attributes:
        mean, spread: over seeds; the spread is the standard deviation, NaN for a single seed.
        seeds: how many.
    """
    mean: float
    spread: float
    seeds: int


Summaries = Dict[str, Dict[str, Summary]]  # by method and budget
YOUR_CLOUDS = 'your clouds: '
NEW_SCENES = 'new scenes: '


def pool_folds(results: Sequence[CellResult], folds: Sequence[str]) -> List[CellResult]:
    """One result of a method, budget and seed for those of its folds: points are summed, so every scan counts once.

    Args:
        results: each with a confusion matrix.
        folds: names of all folds; results of which one is missing are left out. Without any, results are as they are.
    """
    if not folds:
        return list(results)
    groups: Dict[tuple, List[CellResult]] = {}
    for result in results:
        groups.setdefault((result.method, result.budget, result.seed), []).append(result)
    return [_pool(group) for group in groups.values() if {result.fold for result in group} == set(folds)]


def _pool(group: Sequence[CellResult]) -> CellResult:
    confusion = np.sum([result.confusion for result in group], axis=0)
    clouds = [result.your_clouds for result in group]
    reports = [result.hidden_labels for result in group]
    labels = [LabelCount(counts[0].base, statistics.fmean(count.per_scan for count in counts),
                         statistics.fmean(count.size for count in counts))
              for counts in zip(*(result.labels for result in group))]
    return group[0]._replace(
        fold='', confusion=confusion.tolist(), metrics=_metrics(group[0], confusion), labels=labels,
        your_clouds=np.sum(clouds, axis=0).tolist() if all(clouds) else [],
        hidden_labels={key: statistics.fmean(report[key] for report in reports) for key in reports[0]
                       if all(key in report for report in reports)},
        train_seconds=sum(result.train_seconds for result in group),
        test_seconds=sum(result.test_seconds for result in group))


def on_your_clouds(results: Sequence[CellResult]) -> List[CellResult]:
    """The results on hidden labels of the training scans in the place of those of the test, where there are any."""
    return [result._replace(confusion=result.your_clouds, metrics=_metrics(result, np.array(result.your_clouds)))
            for result in results if result.your_clouds]


def _metrics(result: CellResult, confusion: np.ndarray) -> Dict[str, float]:
    names = list(result.metrics)[:len(confusion)]
    return seg_metric_results(confusion, dict(enumerate(names)), len(names))


def mean_classes(results: Sequence[CellResult], class_names: Sequence[str],
                 classes: Optional[Sequence[str]] = None) -> List[str]:
    """The classes of the mean: those given, or those with an IoU in every result."""
    return list(classes or classes_with_iou([result.metrics for result in results], class_names))


def summarize(results: Sequence[CellResult], classes: Sequence[str]) -> Summaries:
    """Summary by method and budget, in the order of the results; of the overall accuracy with ``classes=['acc']``."""
    values: Dict[str, Dict[str, List[float]]] = {}
    for result in results:
        miou = 100 * sum(result.metrics[name] for name in classes) / len(classes) if classes else math.nan
        values.setdefault(result.method, {}).setdefault(result.budget, []).append(miou)
    return {method: {budget: Summary(statistics.fmean(x), standard_deviation(x), len(x)) for budget, x in row.items()}
            for method, row in values.items()}


def tables_by_job(results: Sequence[CellResult], class_names: Sequence[str], budgets: Sequence[str],
                  baseline: Optional[str] = None, classes: Optional[Sequence[str]] = None) -> List[List[List[str]]]:
    """Rows of :func:`summary_rows` on your clouds, mIoU and accuracy, if any result has them, and mIoU on new scenes.

    Args:
        results: of all cells, folds pooled.
        class_names: of the data.
        budgets, baseline: see :func:`summary_rows`.
        classes: see :func:`mean_classes`.
    """
    def rows(of_job: Sequence[CellResult], names: Sequence[str], title: str) -> List[List[str]]:
        return summary_rows(summarize(of_job, names), budgets, baseline, title)

    clouds, chosen = on_your_clouds(results), mean_classes(results, class_names, classes)
    if not clouds:
        return [rows(results, chosen, 'mIoU')]
    return [rows(clouds, mean_classes(clouds, class_names, classes), f'{YOUR_CLOUDS}mIoU'),
            rows(clouds, ['acc'], f'{YOUR_CLOUDS}accuracy'), rows(results, chosen, f'{NEW_SCENES}mIoU')]


def summary_rows(summaries: Summaries, budgets: Sequence[str], baseline: Optional[str] = None,
                 title: str = 'mIoU') -> List[List[str]]:
    """Header and rows of Markdown: mean, standard deviation and difference to the baseline with the same budget.

    The best of a column is bold where it leads the second by more than the larger of their two standard deviations.
    A method with labels of its own has the same value in all columns, and takes no part in that.

    Args:
        summaries: of each method and budget.
        budgets: the columns.
        baseline: method that differences are given to.
        title: what the numbers are.
    """
    budgets = list(budgets) or [OWN_BUDGET]
    seeds = max(summary.seeds for row in summaries.values() for summary in row.values())
    leaders = {budget: _leader({method: row[budget] for method, row in summaries.items() if budget in row})
               for budget in budgets}
    rows = [[title, *('' if budget == OWN_BUDGET else budget for budget in budgets)]]
    for method, row in summaries.items():
        cells = []
        for budget in budgets:
            summary = row.get(budget, row.get(OWN_BUDGET))
            if summary is None:
                cells.append('')
                continue
            text = f'{summary.mean:.1f}' + (f' ± {summary.spread:.1f}' if summary.seeds > 1 else '')
            if leaders[budget] == method:
                text = f'**{text}**'
            base = summaries[baseline].get(budget) if baseline in summaries else None
            notes = [f'{summary.mean - base.mean:+.1f}'] if base and method != baseline else []
            if summary.seeds < seeds:
                notes.append(f'{summary.seeds} seed{"s" * (summary.seeds > 1)}')
            cells.append(text + (f' ({", ".join(notes)})' if notes else ''))
        rows.append([method, *cells])
    return rows


def hidden_label_rows(results: Sequence[CellResult], budgets: Sequence[str]) -> List[List[str]]:
    """Header and rows of Markdown: accuracy and mIoU in percent on the hidden labels of training scans at the end of
    the training, means over seeds; none if no training has reported them.

    Args:
        results: those of a training that hides nothing, or says nothing, are left out; mIoU is where all have it.
        budgets: two columns each, of the pseudo-labels and of the prediction.
    """
    reports: Dict[str, Dict[str, List[Dict[str, float]]]] = {}
    for result in results:
        if result.hidden_labels:
            reports.setdefault(result.method, {}).setdefault(result.budget, []).append(result.hidden_labels)
    if not reports:
        return []
    budgets = list(budgets) or [OWN_BUDGET]
    names = ['' if budget == OWN_BUDGET else f'{budget}, ' for budget in budgets]
    with_miou = any('prediction/miou' in result.hidden_labels for result in results)
    rows = [['hidden labels: accuracy' + ' / mIoU' * with_miou,
             *(f'{name}{side}' for name in names for side in ('pseudo-labels', 'prediction'))]]
    for method, row in reports.items():
        columns = [row.get(budget, row.get(OWN_BUDGET, [])) for budget in budgets]
        rows.append([method] + [_quality(column, side) for column in columns
                                for side in ('pseudo_label', 'prediction')])
    return rows


def _quality(reports: Sequence[Dict[str, float]], side: str) -> str:
    means = [statistics.fmean(report[f'{side}/{key}'] for report in reports) for key in ('accuracy', 'miou')
             if reports and all(f'{side}/{key}' in report for report in reports)]
    return ' / '.join(f'{100 * mean:.1f}' for mean in means)


def _leader(column: Dict[str, Summary]) -> Optional[str]:
    ranked = sorted(column, key=lambda method: -column[method].mean)
    if len(ranked) < 2 or any(x.seeds < 2 or math.isnan(x.mean) for x in column.values()):
        return None
    first, second = (column[method] for method in ranked[:2])
    return ranked[0] if first.mean - second.mean > max(first.spread, second.spread) else None


def label_lines(results: Sequence[CellResult]) -> List[str]:
    """A line of Markdown for each budget: the labels that training sees, on all bases; means over seeds.

    Methods that see others than most with the same budget, on voxels of another size say, have lines of their own.
    """
    groups: Dict[tuple, List[CellResult]] = {}
    for result in results:
        groups.setdefault((result.budget, result.method), []).append(result)
    methods: Dict[tuple, List[str]] = {}
    for (budget, method), group in groups.items():
        counts = ', '.join(_count(bases) for bases in zip(*(result.labels for result in group)))
        methods.setdefault((budget, counts), []).append(method)
    several = {budget for budget, _ in methods if sum(budget == other for other, _ in methods) > 1}
    lines = []
    for (budget, counts), names in methods.items():
        words = [] if budget == OWN_BUDGET else [budget]
        if budget == OWN_BUDGET or budget in several:
            words.append(', '.join(names))
        lines.append(f'- {", ".join(words)}: labels in a scan: {counts}')
    return lines


def _count(counts: Sequence[LabelCount]) -> str:
    mean = statistics.fmean(count.per_scan for count in counts)
    return f'{mean:.{1 if mean < 100 else 0}f} of {counts[0].size:.0f} {counts[0].base}'


def class_results(results: Sequence[CellResult], class_names: Sequence[str]) -> List[MethodResult]:
    """Columns of a table of classes: one for each method."""
    columns: Dict[str, List[CellResult]] = {}
    for result in results:
        columns.setdefault(result.method, []).append(result)
    return [
        MethodResult(method, runs[0].budget_in_words, runs[0].labels,
                     [{name: run.metrics[name] for name in class_names} for run in runs])
        for method, runs in columns.items()
    ]


def as_summary_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """The rows for a terminal."""
    table = Table(title=Text(title))
    for i, name in enumerate(rows[0]):
        table.add_column(Text(name), justify='right' if i else 'left')
    for row in rows[1:]:
        table.add_row(*(Text(cell.replace('**', ''), style='bold' if '**' in cell else '') for cell in row))
    return table
