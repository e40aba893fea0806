"""Pictures of results: mIoU over budgets, and what trainings have logged."""
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import matplotlib.pyplot as plt

from .results import CellResult
from .runs import CellRun, read_scalars
from .tables import Summary

QUALITY = {'accuracy': 'accuracy on hidden labels', 'entropy': 'mean entropy, nats', 'ece': 'calibration error'}
SIDES = {'pseudo_label': '-', 'prediction': ':'}


class Curve(NamedTuple):
    """Means over seeds of one logged value.

    Attributes:
        steps: where it was logged.
        values: its means.
    """
    steps: List[int]
    values: List[float]


def draw_miou_by_budget(path: Path, summaries: Dict[str, Dict[str, Summary]], results: Sequence[CellResult]) -> None:
    """mIoU over labels per scan, a line for each method with several budgets, a dashed one for each with one budget.

    Args:
        path: PNG to write.
        summaries: by method and budget.
        results: those they are made from.
    """
    labels = {result.budget: result.labels[0].per_scan for result in results}
    figure, axes = plt.subplots(figsize=(7, 4.5), layout='constrained')
    weak = {budget for row in summaries.values() if len(row) > 1 for budget in row}
    for number, (method, row) in enumerate(summaries.items()):
        colour = f'C{number % 10}'
        if len(row) == 1 and weak and not weak & set(row):
            (budget, summary), = row.items()
            axes.axhline(summary.mean, color=colour, linestyle='--', label=f'{method}, {budget}')
            continue
        points = sorted((labels[budget], summary) for budget, summary in row.items())
        axes.errorbar([x for x, _ in points], [y.mean for _, y in points],
                      [0 if y.seeds < 2 else y.spread for _, y in points], color=colour, marker='o', capsize=3,
                      label=method)
    axes.set(xscale='log', xlabel='labelled points in a scan', ylabel='mIoU, %')
    axes.legend(fontsize='small')
    _save(figure, path)


def draw_training_curves(path: Path, runs: Sequence[CellRun]) -> None:
    """The supervised and the pseudo-label losses of each method, a row for each budget."""
    curves = {name: _curves(runs, lambda key, name=name: key.split('.')[-1] == name)
              for name in ('loss_sem_seg', 'loss_erda')}
    _draw_grid(path, runs, {'cross-entropy on labels, nats': curves['loss_sem_seg'],
                            'loss on pseudo-labels': curves['loss_erda']})


def draw_pseudo_labels(path: Path, runs: Sequence[CellRun]) -> bool:
    """Accuracy, entropy and calibration of pseudo-labels (solid) and predictions (dotted), where they were logged.

    Returns: whether anything was.
    """
    columns = {}
    for quality, label in QUALITY.items():
        columns[label] = {}
        for side, style in SIDES.items():
            for key, curve in _curves(runs, lambda name, full=f'{side}/{quality}': name == full).items():
                columns[label][(*key, style)] = curve
    if not any(columns.values()):
        return False
    _draw_grid(path, runs, columns)
    return True


def _curves(runs: Sequence[CellRun], wanted) -> Dict[Tuple[str, str], Curve]:
    values: Dict[Tuple[str, str], Dict[int, List[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        own = {}
        for line in read_scalars(run.folder):
            for key, value in line.items():
                if wanted(key) and value == value:
                    own[line['step']] = value  # a resumed run has some steps twice
        for step, value in own.items():
            values[run.cell.method, run.cell.budget][step].append(value)
    return {key: Curve(sorted(steps), [statistics.fmean(steps[step]) for step in sorted(steps)])
            for key, steps in values.items()}


def _draw_grid(path: Path, runs: Sequence[CellRun], columns: Dict[str, Dict[tuple, Curve]]) -> None:
    budgets = list(dict.fromkeys(run.cell.budget for run in runs))
    methods = list(dict.fromkeys(run.cell.method for run in runs))
    figure, grid = plt.subplots(len(budgets), len(columns), squeeze=False, layout='constrained',
                                figsize=(4.5 * len(columns), 3 * len(budgets)))
    for axes_of_budget, budget in zip(grid, budgets):
        for axes, (label, curves) in zip(axes_of_budget, columns.items()):
            for (method, of_budget, *style), curve in curves.items():
                if of_budget == budget:
                    axes.plot(curve.steps, curve.values, *style, color=f'C{methods.index(method) % 10}', label=method,
                              linewidth=1)
            axes.set(title=f'{label}, {budget}', xlabel='step')
    handles = {label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc='outside lower center', ncols=4, fontsize='small')
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    plt.close(figure)
