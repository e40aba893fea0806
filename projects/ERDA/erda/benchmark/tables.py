"""Tables of results over methods, budgets and seeds."""
import math
import statistics
from typing import Dict, List, NamedTuple, Optional, Sequence

from rich.table import Table

from ..evaluation.comparison_table import MethodResult
from .results import CellResult


class Summary(NamedTuple):
    """mIoU in percent of one method with one budget.

    Attributes:
        mean, spread: over seeds; the spread is the standard deviation, NaN for a single seed.
        seeds: how many.
    """
    mean: float
    spread: float
    seeds: int


def mean_classes(results: Sequence[CellResult], class_names: Sequence[str],
                 classes: Optional[Sequence[str]] = None) -> List[str]:
    """The classes of the mean: those given, or those with an IoU in every result."""
    return list(classes or [name for name in class_names
                            if not any(math.isnan(result.metrics[name]) for result in results)])


def summarize(results: Sequence[CellResult], classes: Sequence[str]) -> Dict[str, Dict[str, Summary]]:
    """Summary by method and budget, in the order of the results."""
    values: Dict[str, Dict[str, List[float]]] = {}
    for result in results:
        miou = 100 * statistics.fmean(result.metrics[name] for name in classes)
        values.setdefault(result.method, {}).setdefault(result.budget, []).append(miou)
    return {method: {budget: Summary(statistics.fmean(x), statistics.stdev(x) if len(x) > 1 else math.nan, len(x))
                     for budget, x in row.items()} for method, row in values.items()}


def summary_rows(summaries: Dict[str, Dict[str, Summary]], baseline: Optional[str] = None) -> List[List[str]]:
    """Header and rows of Markdown: mean, standard deviation and difference to the baseline with the same budget.

    The best of a column is bold where it leads the second by more than the larger of their two standard deviations.
    """
    budgets = list(dict.fromkeys(budget for row in summaries.values() for budget in row))
    best = {budget: _leader({method: row[budget] for method, row in summaries.items() if budget in row})
            for budget in budgets}
    rows = [['mIoU', *budgets]]
    for method, row in summaries.items():
        cells = []
        for budget in budgets:
            if budget not in row:
                cells.append('')
                continue
            mean, spread, seeds = row[budget]
            text = f'{mean:.1f}' + (f' ± {spread:.1f}' if seeds > 1 else '')
            text = f'**{text}**' if best[budget] == method else text
            base = summaries.get(baseline, {}).get(budget)
            cells.append(text + (f' ({mean - base.mean:+.1f})' if base and method != baseline else ''))
        rows.append([method, *cells])
    return rows


def _leader(column: Dict[str, Summary]) -> Optional[str]:
    ranked = sorted(column, key=lambda method: -column[method].mean)
    if len(ranked) < 2 or min(x.seeds for x in column.values()) < 2:
        return None
    first, second = (column[method] for method in ranked[:2])
    return ranked[0] if first.mean - second.mean > max(first.spread, second.spread) else None


def label_lines(results: Sequence[CellResult]) -> List[str]:
    """A line for each budget: what it means, and the labels that training sees."""
    lines = {}
    for result in results:
        counts = ', '.join(f'{label.per_scan:.0f} of {label.size:.0f} {label.base}' for label in result.labels)
        lines.setdefault(result.budget, f'- {result.budget}: labels in a scan: {counts}')
    return list(lines.values())


def class_results(results: Sequence[CellResult], class_names: Sequence[str]) -> List[MethodResult]:
    """Columns of the table of classes: one for each method and budget."""
    columns: Dict[tuple, List[CellResult]] = {}
    for result in results:
        columns.setdefault((result.method, result.budget), []).append(result)
    return [
        MethodResult(method, runs[0].budget_in_words, runs[0].labels,
                     [{name: run.metrics[name] for name in class_names} for run in runs])
        for (method, _), runs in columns.items()
    ]


def as_summary_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """The rows for a terminal."""
    table = Table(title=title)
    for i, name in enumerate(rows[0]):
        table.add_column(name, justify='right' if i else 'left')
    for row in rows[1:]:
        table.add_row(*(f'[bold]{cell.replace("**", "")}[/bold]' if '**' in cell else cell for cell in row))
    return table
