"""Pictures of results: mIoU over budgets, and what trainings have logged."""
import io
import math
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..files.whole_file import write_whole
from .cells import CellRun, read_scalars
from .results import CellResult
from .spec import OWN_BUDGET
from .tables import Summaries

QUALITY = {'accuracy': 'accuracy on hidden labels', 'miou': 'mIoU on hidden labels', 'entropy': 'mean entropy, nats',
           'ece': 'calibration error'}
GAP = {'gap/accuracy': 'accuracy, pseudo-labels minus predictions', 'gap/miou': 'mIoU, pseudo-labels minus predictions'}
SIDES = {'pseudo_label': '-', 'prediction': ':'}


class Curve(NamedTuple):
    """Means over seeds of one logged value.

    Attributes:
        method, budget: of the trainings.
        steps: where it was logged.
        values: its means.
        style: of the line.
    """
    method: str
    budget: str
    steps: List[int]
    values: List[float]
    style: str


def draw_miou_by_budget(path: Path, summaries: Summaries, results: Sequence[CellResult]) -> None:
    """mIoU over labels per scan, a line for each method, a dashed horizontal one for methods with labels of their own.

    Args:
        path: PNG to write.
        summaries: by method and budget.
        results: those they are made from.
    """
    labels: Dict[str, List[float]] = defaultdict(list)
    for result in results:
        labels[result.budget].append(result.labels[0].per_scan)
    labels.pop(OWN_BUDGET, None)
    ticks = {budget: statistics.fmean(counts) for budget, counts in labels.items()}
    figure = Figure(figsize=(7, 4.5), layout='constrained')
    axes = figure.add_subplot()
    for number, (method, row) in enumerate(summaries.items()):
        colour = f'C{number % 10}'
        if OWN_BUDGET in row:
            axes.axhline(row[OWN_BUDGET].mean, color=colour, linestyle='--', label=method)
            continue
        aside = 1.03**(number - (len(summaries) - 1) / 2)  # so that the bars of one method do not hide those of another
        points = sorted((ticks[budget] * aside, summary) for budget, summary in row.items())
        axes.errorbar([x for x, _ in points], [y.mean for _, y in points],
                      [y.spread if y.seeds > 1 else 0 for _, y in points], color=colour, marker='o', capsize=3,
                      label=method)
    axes.set(xscale='log', xlabel='labelled points in a scan', ylabel='mIoU, %')
    axes.set_xticks(list(ticks.values()), [f'{count:.0f}\n{budget}' for budget, count in ticks.items()])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize='small')
    _save(figure, path)


def draw_training_curves(path: Path, runs: Sequence[CellRun]) -> bool:
    """Each term of the loss, and the validation mIoU, over iterations: a row for each budget, a line for each method.

    Args:
        path: PNG to write.
        runs: whose logs to read.

    Returns: whether anything was logged; if not, there is no picture.
    """
    logs = [_log(run) for run in runs]
    terms = {key: None for log in logs for key in log if 'loss' in key and key != 'loss' and '/' not in key}
    columns = {key: _curves(runs, logs, key) for key in terms}
    columns['validation mIoU, %'] = [curve._replace(values=[100 * value for value in curve.values])
                                     for curve in _curves(runs, logs, 'miou')]
    return _draw_grid(path, runs, columns)


def draw_pseudo_labels(path: Path, runs: Sequence[CellRun]) -> bool:
    """Accuracy, mIoU, entropy and calibration of pseudo-labels (solid) and predictions (dotted) over iterations, and
    the gap between them where the loss covers them.

    Args:
        path: PNG to write.
        runs: whose logs to read.

    Returns: whether anything was logged; if not, there is no picture.
    """
    logs = [_log(run) for run in runs]
    columns = {
        label: [curve for side, style in SIDES.items() for curve in _curves(runs, logs, f'{side}/{quality}', style)]
        for quality, label in QUALITY.items()
    }
    columns.update({label: _curves(runs, logs, key) for key, label in GAP.items()})
    return _draw_grid(path, runs, columns, title='pseudo-labels solid, predictions dotted')


def _log(run: CellRun) -> Dict[str, Dict[int, float]]:
    """Value by iteration of everything that a training has logged."""
    log: Dict[str, Dict[int, float]] = defaultdict(dict)
    iteration = 0
    for line in read_scalars(run.folder):
        iteration = line.get('iter', iteration)
        step = iteration if 'miou' in line else line.get('step', iteration)  # validations are logged by epoch
        for key, value in line.items():
            if isinstance(value, (int, float)) and not math.isnan(value):
                log[key][step] = value  # what a resumed training has done again comes last
    return log


def _curves(runs: Sequence[CellRun], logs: Sequence[Dict[str, Dict[int, float]]], key: str,
            style: str = '-') -> List[Curve]:
    values: Dict[Tuple[str, str], Dict[int, List[float]]] = defaultdict(lambda: defaultdict(list))
    for run, log in zip(runs, logs):
        for step, value in log.get(key, {}).items():
            values[run.cell.method, run.cell.budget][step].append(value)
    return [Curve(method, budget, sorted(steps), [statistics.fmean(steps[step]) for step in sorted(steps)], style)
            for (method, budget), steps in values.items()]


def _draw_grid(path: Path, runs: Sequence[CellRun], columns: Dict[str, List[Curve]],
               title: str = '') -> bool:
    """A row for each budget, in each of them also the methods with labels of their own."""
    columns = {label: curves for label, curves in columns.items() if curves}
    if not columns:
        return False
    budgets = list(dict.fromkeys(run.cell.budget for run in runs if run.cell.budget != OWN_BUDGET)) or [OWN_BUDGET]
    methods = list(dict.fromkeys(run.cell.method for run in runs))
    figure = Figure(figsize=(4.5 * len(columns), 3 * len(budgets) + 0.5), layout='constrained')
    grid = figure.subplots(len(budgets), len(columns), squeeze=False)
    for axes_of_budget, budget in zip(grid, budgets):
        for axes, (label, curves) in zip(axes_of_budget, columns.items()):
            for curve in curves:
                if curve.budget in (budget, OWN_BUDGET):
                    marker = 'o' if len(curve.steps) == 1 else None
                    axes.plot(curve.steps, curve.values, curve.style, color=f'C{methods.index(curve.method) % 10}',
                              label=curve.method if curve.style == '-' else None, linewidth=1, marker=marker)
            axes.set_visible(axes.has_data())
            if label in GAP.values():
                axes.axhline(0, color='grey', linewidth=0.8)
            axes.set(title=label if budget == OWN_BUDGET else f'{label}, {budget}', xlabel='iteration')
            axes.grid(alpha=0.3)
    handles = {label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.suptitle(title)
    figure.legend(handles.values(), handles.keys(), loc='outside lower center', ncols=4, fontsize='small')
    _save(figure, path)
    return True


def _save(figure: Figure, path: Path) -> None:
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    write_whole(path, png.getvalue())
