#!/usr/bin/env python
"""Train and test a matrix of methods, label budgets and seeds; make tables and pictures of it.

Finished parts are kept: a second call with the same spec trains nothing, an interrupted one goes on where it was, and
what another spec in the same folder of work dirs has trained with the same config is taken from there.
"""
import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

from erda.command_start import stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('spec', type=Path, help='YAML file, such as those in projects/ERDA/benchmarks')
    parser.add_argument('--work-dir', type=Path, help='folder for everything (default: work_dirs/SPEC)')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='only these')
    parser.add_argument('--budgets', nargs='+', metavar='NAME',
                        help='only these; "own" is that of methods with labels of their own')
    parser.add_argument('--seeds', nargs='+', type=int, metavar='N', help='only these')
    parser.add_argument('--at-once', type=positive, metavar='N',
                        help='trainings at the same time, each on one thread or GPU (default: as many as those)')
    parser.add_argument('--new-scenes-only', action='store_true',
                        help='do not test on hidden labels of the training scans, which takes as long as they do')
    parser.add_argument('--dry-run', action='store_true', help='list the cells and what is left to do')
    parser.add_argument('--table-only', action='store_true', help='tables and pictures of what is finished')
    parser.add_argument('--markdown', type=Path, metavar='FILE',
                        help='put the table between <!-- benchmark: SPEC --> and <!-- /benchmark --> there, too')
    args = parser.parse_args()
    args.work_dir = args.work_dir or Path('work_dirs') / args.spec.stem
    return args


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

from rich.console import Console
from rich.progress import TextColumn

import erda.registration  # noqa: F401  Before any config is read: registers all, fills in kernels.
from erda.benchmark.cells import make_runs
from erda.benchmark.report import block_name, write_report
from erda.benchmark.results import append_result, read_results, results_of_same_configs
from erda.benchmark.runs import CellRunner
from erda.benchmark.spec import SpecError, choose_cells, read_spec
from erda.config import ConfigError
from erda.datasets.availability import missing_data
from erda.evaluation.marked_table import MarkError, find_marked
from erda.files.progress import Progress
from erda.own_configs import ROOT

TOOLS = Path(__file__).resolve().parent


def main(args: argparse.Namespace) -> None:
    console = Console()
    try:
        spec = read_spec(args.spec, ROOT)
        runs = make_runs(choose_cells(spec, args.methods, args.budgets, args.seeds), args.work_dir)
        if args.markdown:
            find_marked(args.markdown, block_name(spec))
    except (SpecError, ConfigError, MarkError) as error:
        stop(str(error))
    if unknown := set(spec.classes or ()) - set(runs[0].cfg.class_names):
        stop(f'{args.spec}: classes: {min(unknown)!r} is none of {", ".join(runs[0].cfg.class_names)}.')

    path = args.work_dir / 'results.jsonl'
    results = read_results(path)
    shared = results_of_same_configs([run for run in runs if run.key not in results], spec.title, ROOT,
                                     args.work_dir.parent)
    results.update(shared)
    todo = [run for run in runs if run.key not in results]
    if args.dry_run:
        for run in runs:
            state = run.state if run in todo else 'finished'
            console.print(f'{run.cell.name}: {run.length}, {state}', markup=False, highlight=False, soft_wrap=True)
        return

    for result in shared.values():
        append_result(path, result)
    if shared:
        console.print(f'{len(shared)} of {len(runs)} cells are finished with the same config beside {args.work_dir}',
                      markup=False, highlight=False)
    errors = []
    if todo and not args.table_only:
        for run in todo:
            if message := missing_data(run.cfg, 'train_dataloader', 'val_dataloader', 'test_dataloader'):
                stop(message + (f'\nThis spec expects that of:  {spec.prepare}' if spec.prepare else ''))
        console.print(f'{len(todo)} of {len(runs)} cells to run in {args.work_dir}; logs in BUDGET/METHOD/seed_N/'
                      'log.txt', markup=False, highlight=False)
        test_options = ['--new-scenes-only'] if args.new_scenes_only else []
        try:
            errors = CellRunner(spec.title, path, ROOT, TOOLS, test_options).run(todo, args.at_once)
        except KeyboardInterrupt:
            print('Interrupted; the same call goes on from here.', file=sys.stderr)
            sys.exit(128 + signal.SIGINT)
        results = read_results(path)
    finished = [run for run in runs if run.key in results]
    if finished:
        try:
            with Progress(TextColumn('{task.description}: {task.fields[note]}'), console=console) as progress:
                task = progress.add_task('tables and pictures', note='being made')
                write_report(spec, finished, [results[run.key] for run in finished], args.work_dir, command(args),
                             console, args.markdown)
                progress.remove_task(task)
        except MarkError as error:
            stop(str(error))
    elif args.table_only:
        stop(f'No cell is finished in {args.work_dir}.')
    if errors:
        sys.exit('\n\n'.join([*map(str, errors), f'{len(errors)} of {len(todo)} cells failed.']))


def command(args: argparse.Namespace) -> str:
    """What a reader calls for the same results."""
    spec = args.spec.resolve()
    words = ['python', 'tools/benchmark.py', os.path.relpath(spec, ROOT) if ROOT in spec.parents else args.spec.name]
    for key in ('methods', 'budgets', 'seeds'):
        if names := getattr(args, key):
            words += [f'--{key}', *map(str, names)]
    words += ['--new-scenes-only'] * args.new_scenes_only
    return shlex.join(words)


if __name__ == '__main__':
    main(args)
