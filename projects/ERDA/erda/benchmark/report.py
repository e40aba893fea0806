"""Tables and pictures of what is finished of a benchmark."""
import itertools
from pathlib import Path
from typing import Optional, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ..evaluation.comparison_picture import draw_comparison
from ..evaluation.comparison_table import as_markdown, as_rich_table, comparison_rows
from ..evaluation.marked_table import update_marked
from ..files.whole_file import write_whole
from .cells import CellRun
from .plots import draw_miou_by_budget, draw_pseudo_labels, draw_training_curves
from .results import CellResult
from .spec import OWN_BUDGET, BenchmarkSpec
from .tables import (
    NEW_SCENES,
    YOUR_CLOUDS,
    as_summary_table,
    class_results,
    hidden_label_rows,
    label_lines,
    mean_classes,
    on_your_clouds,
    pool_folds,
    summarize,
    tables_by_job,
)

HIDDEN_LABELS = 'On hidden labels of training scans, at the end of the training, in percent, means over the seeds.'


def block_name(spec: BenchmarkSpec) -> str:
    """Of the table in a Markdown file, as for ``marked_table``."""
    return f'benchmark: {spec.name}'


def write_report(spec: BenchmarkSpec, runs: Sequence[CellRun], results: Sequence[CellResult], work_dir: Path,
                 command: str, console: Console, markdown: Optional[Path] = None) -> None:
    """Write ``table.md``, ``classes.md`` and the pictures to a folder, and show the tables.

    Args:
        spec: what was to be run.
        runs: the finished cells.
        results: of each of them.
        work_dir: the folder.
        command: that made the results.
        console: to show the tables on.
        markdown: file in which to renew the table, between its marks.

    Raises:
        MarkError: if the file has no such marks; everything else is written then.
    """
    order = sorted(range(len(runs)), key=lambda i: (spec.methods.index(results[i].method), i))
    runs, results = [runs[i] for i in order], pool_folds([results[i] for i in order], spec.folds)
    if not results:
        console.print('No table yet: no method has all of its folds.', markup=False, highlight=False)
        return
    class_names = runs[0].cfg.class_names
    classes = mean_classes(results, class_names, spec.classes)
    summaries = summarize(results, classes)
    budgets = [budget for budget in spec.budgets if any(result.budget == budget for result in results)]

    tables = tables_by_job(results, class_names, budgets, spec.baseline, spec.classes)
    note = _note(spec, results, classes)
    hidden = []
    if hidden_rows := hidden_label_rows(results, budgets):
        hidden = [as_markdown(hidden_rows), HIDDEN_LABELS, '']
    for rows in tables:
        console.print(as_summary_table(rows, spec.title))
    console.print(note, markup=False, highlight=False)
    if hidden_rows:
        console.print(as_summary_table(hidden_rows, HIDDEN_LABELS))
    text = '\n'.join([*map(as_markdown, tables), note, '', *hidden, *label_lines(results), '', '```bash', command,
                      '```', ''])
    write_whole(work_dir / 'table.md', text.encode())

    by_class, classes_file = [spec.title], work_dir / 'classes.md'
    clouds = on_your_clouds(results)
    jobs = {YOUR_CLOUDS: clouds, NEW_SCENES: results} if clouds else {'': results}
    for (job, of_job), budget in itertools.product(jobs.items(), budgets or [OWN_BUDGET]):
        columns = class_results([result for result in of_job if result.budget in (budget, OWN_BUDGET)], class_names)
        if not columns:
            continue
        rows = comparison_rows(columns, mean_classes(of_job, class_names, spec.classes))
        title = f'{job}IoU in percent' if budget == OWN_BUDGET else f'{job}IoU in percent, {budget}'
        print_if_legible(console, as_rich_table(rows, title), classes_file)
        by_class += ['', f'**{title}**', '', as_markdown(rows).rstrip()]
    write_whole(classes_file, ('\n'.join(by_class) + '\n').encode())

    draw_miou_by_budget(work_dir / 'miou_by_budget.png', summaries, results)
    own = [run for run in runs if run.is_of_this_config()]  # not those whose folder another config has taken since
    draw_training_curves(work_dir / 'training_curves.png', own)
    draw_pseudo_labels(work_dir / 'pseudo_labels.png', own)
    if spec.picture:
        _draw_predictions(work_dir / 'comparison.png', own, budgets)
    console.print(f'Tables and pictures: {work_dir}/*.md, *.png', markup=False, highlight=False)
    if markdown:
        update_marked(markdown, block_name(spec), text)


def print_if_legible(console: Console, table: Table, path: Path) -> None:
    """Show a table, or say where it is if the console is too narrow for its longest words, and would cut off numbers.

    Args:
        console: to show it on.
        table: with a title.
        path: file that has the same table.
    """
    unlimited = console.options.update(max_width=10**6)
    if Measurement.get(console, unlimited, table).minimum > console.width:
        console.print(f'{table.title}: too wide to be shown here, see {path}', markup=False, highlight=False)
    else:
        console.print(table)


def _note(spec: BenchmarkSpec, results: Sequence[CellResult], classes: Sequence[str]) -> str:
    seeds = sorted({result.seed for result in results})
    note = f'mIoU of {len(classes)} classes in percent, '
    if len(seeds) == 1:
        note += f'seed {seeds[0]}'
    else:
        note += f'mean ± standard deviation over {len(seeds)} seeds ({", ".join(map(str, seeds))})'
    if spec.baseline:
        note += f'; in brackets the difference to {spec.baseline}'
    if len(seeds) > 1:
        note += '; bold where the lead over the next method exceeds the larger of the two deviations'
    if spec.folds:
        note += f'; each scan tested once, points summed over {len(spec.folds)} folds'
    if on_your_clouds(results):
        note += ('. Your clouds are the training scans, each predicted whole, on the points whose label training did '
                 'not see; new scenes are the test scans')
    return f'{note}.'


def _draw_predictions(path: Path, runs: Sequence[CellRun], budgets: Sequence[str]) -> None:
    """Of the first seed with the first budget; full supervision is left out."""
    shown: dict = {}
    for run in runs:
        if run.cell.budget in budgets[:1] and not run.trained_as and run.last.is_file():
            shown.setdefault(run.cell.method, run)
    if shown:
        draw_comparison(path, {method: run.cfg for method, run in shown.items()},
                        {method: str(run.last) for method, run in shown.items()})
