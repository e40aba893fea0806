#!/usr/bin/env python
"""Train and test sparse-only, ERDA and full supervision with one label budget; print a table and draw a picture.

Finished parts are kept: a second call with the same settings trains nothing, an interrupted one goes on.
"""
import argparse
import hashlib
from pathlib import Path
from typing import List, Optional

from mmengine.config import DictAction
from rich.console import Console

import erda  # noqa: F401  Before any config is read: registers everything and installs the portable kernels.
from erda.command_line import stop
from erda.config import load_config
from erda.datasets.availability import missing_data
from erda.evaluation.comparison_picture import draw_comparison
from erda.evaluation.comparison_table import MethodResult, as_markdown, as_rich_table, comparison_rows
from erda.evaluation.label_counts import count_labels
from erda.evaluation.metrics_file import read_metrics
from erda.evaluation.training_job import JobError, TrainingJob, run_jobs

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    'sparse-only': 'configs/minkunet/minkunet_sparse_{budget}_{data}.py',
    'ERDA': 'projects/ERDA/configs/minkunet_erda_{budget}_{data}.py',
    'full': 'configs/minkunet/minkunet_full_{data}.py',
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', choices=['synthetic', 'mini'], help='family of configs')
    parser.add_argument('--budget', default='1pct', help='label budget in the names of the configs (default: 1pct)')
    parser.add_argument('--work-dir', type=Path, help='folder for everything; work_dirs/compare_DATA_BUDGET by default')
    parser.add_argument('--classes', nargs='+', metavar='NAME',
                        help='classes of the mean; by default those with an IoU for every method')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/train.py')
    args = parser.parse_args()
    args.work_dir = args.work_dir or Path('work_dirs') / f'compare_{args.data}_{args.budget}'
    return args


def main() -> None:
    args = parse_args()
    console = Console()
    names = {name: pattern.format(budget=args.budget, data=args.data) for name, pattern in CONFIGS.items()}
    cfgs = {name: load_config(str(ROOT / path), cfg_options=parse_options(args.cfg_options))
            for name, path in names.items()}
    if message := missing_data(cfgs['ERDA'], 'train_dataloader', 'test_dataloader'):
        stop(message)

    jobs = [job for name, path in names.items() if (job := unfinished(name, path, cfgs[name], args)) is not None]
    console.print(f'{len(names) - len(jobs)} of {len(names)} methods are finished in {args.work_dir}, '
                  f'{len(jobs)} to run' + (f'; logs in {args.work_dir}/METHOD/log.txt' if jobs else ''))
    try:
        run_jobs(jobs)
    except JobError as error:
        stop(str(error))

    results = []
    for name, cfg in cfgs.items():
        metrics = read_metrics(folder(args, name) / 'metrics.json')
        iou = {label: metrics[label] for label in cfg.class_names}
        labels = count_labels(cfg, f'Counting labels of {name}')
        results.append(MethodResult(name, cfg.train_dataloader.dataset.budget.ratio, labels, iou))
    rows = comparison_rows(results, args.classes)
    console.print(as_rich_table(rows, f'IoU in percent, {args.data} scans, seed {cfgs["ERDA"].randomness.seed}'))
    (args.work_dir / 'table.md').write_text(as_markdown(rows))
    checkpoints = {name: str(checkpoint(folder(args, name))) for name in ('sparse-only', 'ERDA')}
    draw_comparison(args.work_dir / 'comparison.png', cfgs, checkpoints)
    console.print(f'Table: {args.work_dir}/table.md\nPicture: {args.work_dir}/comparison.png')


def parse_options(options: List[str]) -> dict:
    """``KEY=VALUE`` as tools/train.py reads it."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='*', action=DictAction, default={})
    return parser.parse_args(['--options', *options]).options if options else {}


def folder(args: argparse.Namespace, name: str) -> Path:
    return args.work_dir / name


def checkpoint(work_dir: Path) -> Path:
    return Path((work_dir / 'last_checkpoint').read_text().strip())


def unfinished(name: str, config: str, cfg, args: argparse.Namespace) -> Optional[TrainingJob]:
    """What is left to run of a method, nothing if its metrics come from the same settings."""
    work_dir = folder(args, name)
    settings = hashlib.sha256(cfg.pretty_text.encode()).hexdigest()
    stamp = work_dir / 'settings.sha256'
    same = stamp.is_file() and stamp.read_text() == settings
    if same and (work_dir / 'metrics.json').is_file():
        return None
    for stale in ('metrics.json', *([] if same else ['last_checkpoint'])):
        (work_dir / stale).unlink(missing_ok=True)
    work_dir.mkdir(parents=True, exist_ok=True)
    stamp.write_text(settings)
    options = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    resume = ['--resume'] if (work_dir / 'last_checkpoint').is_file() else []
    train = [str(ROOT / 'tools/train.py'), str(ROOT / config), '--work-dir', str(work_dir), *resume, *options]
    last = work_dir / f'iter_{cfg.train_cfg.max_iters}.pth'
    test = [str(ROOT / 'tools/test.py'), str(ROOT / config), str(last), '--work-dir', str(work_dir), '--out',
            str(work_dir), *options]
    return TrainingJob(name, [train, test], work_dir / 'log.txt')


if __name__ == '__main__':
    main()
