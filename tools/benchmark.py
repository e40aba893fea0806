#!/usr/bin/env python
"""Train and test a matrix of methods, label budgets and seeds; make tables and plots of it.

Finished parts are kept: a second call with the same spec trains nothing, an interrupted one goes on where it was.
"""
import argparse
import os
from pathlib import Path
from typing import List

import matplotlib
import torch
from rich.console import Console
from rich.markup import escape

import erda  # noqa: F401  Before any config is read: registers everything and installs the portable kernels.
from erda.benchmark.plots import draw_miou_by_budget, draw_pseudo_labels, draw_training_curves
from erda.benchmark.results import CellResult, append_result, read_results
from erda.benchmark.runs import CellRun, ResultMaker, make_runs, training_job
from erda.benchmark.spec import BenchmarkSpec, SpecError, read_spec
from erda.benchmark.tables import (
    as_summary_table,
    class_results,
    label_lines,
    mean_classes,
    summarize,
    summary_rows,
)
from erda.command_line import stop
from erda.config import ConfigError
from erda.datasets.availability import missing_data
from erda.evaluation.comparison_picture import draw_comparison
from erda.evaluation.comparison_table import as_markdown, as_rich_table, comparison_rows
from erda.evaluation.marked_block import MarkerError, replace_block
from erda.evaluation.training_job import run_jobs

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('spec', type=Path, help='YAML file, such as those in projects/ERDA/benchmarks')
    parser.add_argument('--work-dir', type=Path, help='folder for everything (default: work_dirs/SPEC)')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='only these')
    parser.add_argument('--budgets', nargs='+', metavar='NAME', help='only these')
    parser.add_argument('--seeds', nargs='+', type=int, metavar='N', help='only these')
    parser.add_argument('--at-once', type=int, metavar='N',
                        help='trainings at the same time, each on one thread or GPU (default: all GPUs or CPU cores)')
    parser.add_argument('--dry-run', action='store_true', help='list the cells and what is left to do')
    parser.add_argument('--table-only', action='store_true', help='tables and plots of what is finished')
    parser.add_argument('--markdown', type=Path, metavar='FILE',
                        help='put the table between <!-- benchmark: SPEC --> and <!-- /benchmark: SPEC --> there, too')
    args = parser.parse_args()
    args.work_dir = args.work_dir or Path('work_dirs') / args.spec.stem
    return args


def main() -> None:
    args = parse_args()
    matplotlib.use('Agg')
    console = Console()
    try:
        spec = read_spec(args.spec, ROOT)
        runs = make_runs(chosen_cells(spec, args), args.work_dir)
    except (SpecError, ConfigError) as error:
        stop(str(error))
    path = args.work_dir / 'results.jsonl'
    todo = [run for run in runs if finished_result(run, path) is None]
    if args.dry_run:
        for run in runs:
            state = 'to run' if run in todo else 'finished'
            if run in todo and run.checkpoint:
                state = f'to resume from {run.checkpoint.name}'
            console.print(f'{run.cell.name}: {run.length}, {state}', markup=False, highlight=False)
        return
    if not args.table_only:
        if todo and (message := missing_data(todo[0].cfg, 'train_dataloader', 'test_dataloader')):
            stop(f'{message}\n{spec.prepare or ""}'.strip())
        errors = run_cells(todo, spec, args, path, console)
    else:
        errors = []
    results = [result for run in runs if (result := finished_result(run, path)) is not None]
    if results:
        write_tables(spec, runs, results, args, console)
    if errors or (args.table_only and not results):
        stop('\n\n'.join(map(str, errors)) or f'No cell is finished in {args.work_dir}.')


def chosen_cells(spec: BenchmarkSpec, args: argparse.Namespace) -> list:
    """The cells of the spec that the arguments leave."""
    cells = spec.cells
    for key, wanted in (('method', args.methods), ('budget', args.budgets), ('seed', args.seeds)):
        known = {getattr(cell, key) for cell in spec.cells}
        if wanted and (unknown := [x for x in wanted if x not in known]):
            raise SpecError(f'{args.spec} has no {key} {unknown[0]!r}; it has {", ".join(map(str, sorted(known)))}.')
        cells = [cell for cell in cells if not wanted or getattr(cell, key) in wanted]
    return cells


def finished_result(run: CellRun, path: Path) -> CellResult:
    """The newest result of a cell with exactly this config, if there is one."""
    results = [result for result in read_results(path) if result.belongs_to(run.cell)
               and result.config_sha256 == run.sha256]
    return results[-1] if results else None


def run_cells(todo: List[CellRun], spec: BenchmarkSpec, args: argparse.Namespace, path: Path, console: Console) -> list:
    """Run what is not finished; errors of the cells that failed."""
    maker = ResultMaker(spec.title, ROOT)
    for run in [run for run in todo if run.metrics]:  # killed between its test and its line
        append_result(path, maker.result(run))
        todo.remove(run)
    gpus = torch.cuda.device_count()
    at_once = args.at_once or gpus or len(os.sched_getaffinity(0))
    console.print(f'{len(todo)} cells to run in {args.work_dir}, {at_once} at once; '
                  'logs in BUDGET/METHOD/seed_N/log.txt')
    jobs = [training_job(run, ROOT / 'tools') for run in todo]
    return run_jobs(jobs, at_once, gpus, lambda number: append_result(path, maker.result(todo[number])))


def write_tables(spec: BenchmarkSpec, runs: List[CellRun], results: List[CellResult], args: argparse.Namespace,
                 console: Console) -> None:
    """Tables on the screen and in files, plots beside them."""
    class_names = runs[0].cfg.class_names
    classes = mean_classes(results, class_names, spec.classes)
    summaries = summarize(results, classes)
    rows = summary_rows(summaries, spec.baseline)
    seeds = ', '.join(map(str, sorted({result.seed for result in results})))
    note = f'mean over {len(classes)} classes, seeds {seeds}'
    console.print(as_summary_table(rows, escape(f'{spec.title}\n{note}')))
    text = f'{as_markdown(rows)}\n{note[0].upper()}{note[1:]}, `tools/benchmark.py {args.spec}`.\n\n'
    text += '\n'.join(label_lines(results)) + '\n'
    (args.work_dir / 'table.md').write_text(text)
    by_class = comparison_rows(class_results(results, class_names), classes)
    (args.work_dir / 'classes.md').write_text(as_markdown(by_class))
    if len(by_class[0]) <= 5:
        console.print(as_rich_table(by_class, f'IoU in percent, seeds {seeds}'))
    if args.markdown:
        try:
            replace_block(args.markdown, f'benchmark: {spec.name}', text)
        except MarkerError as error:
            stop(str(error))

    draw_miou_by_budget(args.work_dir / 'miou_by_budget.png', summaries, results)
    draw_training_curves(args.work_dir / 'training_curves.png', runs)
    draw_pseudo_labels(args.work_dir / 'pseudo_labels.png', runs)
    if spec.picture:
        first = {run.cell.method: run for run in reversed(runs) if run.checkpoint}
        draw_comparison(args.work_dir / 'comparison.png', {method: run.cfg for method, run in first.items()},
                        {method: str(run.checkpoint) for method, run in first.items() if method != 'full'})
    console.print(f'Tables and plots: {args.work_dir}/*.md, *.png')


if __name__ == '__main__':
    main()
