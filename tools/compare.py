#!/usr/bin/env python
"""Train and test sparse-only, ERDA and full supervision with one label budget; print a table and draw a picture.

Finished parts are kept: a second call with the same settings trains nothing, an interrupted one goes on.
"""
import argparse
import hashlib
import itertools
from pathlib import Path
from typing import List, NamedTuple, Optional

from mmengine.config import Config, DictAction
from rich.console import Console

import erda  # noqa: F401  Before any config is read: registers everything and installs the portable kernels.
from erda.command_line import stop
from erda.config import load_config
from erda.datasets.availability import missing_data
from erda.evaluation.comparison_picture import draw_comparison
from erda.evaluation.comparison_table import MethodResult, as_markdown, as_rich_table, comparison_rows
from erda.evaluation.label_statistics import label_statistics
from erda.evaluation.metrics_file import read_metrics
from erda.evaluation.training_job import JobError, TrainingJob, run_jobs
from erda.evaluation.training_set import build_training_set, segmentor_voxel_size

ROOT = Path(__file__).resolve().parents[1]


class Family(NamedTuple):
    """Configs that differ in the method alone, as the pieces of their names."""
    folder: str
    model: str
    budget: str
    data: str

    def config(self, method: str) -> Path:
        """Path of a method's config."""
        if method == 'ERDA':
            return ROOT / f'projects/ERDA/configs/{self.model}_erda_{self.budget}_{self.data}.py'
        name = 'full' if method == 'full' else f'sparse_{self.budget}'
        return ROOT / f'configs/{self.folder}/{self.model}_{name}_{self.data}.py'


FAMILIES = {
    'synthetic': Family('minkunet', 'minkunet', '1pct', 'synthetic'),
    'mini': Family('minkunet', 'minkunet', '1pct', 'mini'),
    'rooms': Family('pointnet2', 'pointnet2_ssg', '1pt', 'synthetic'),
}
METHODS = ('sparse-only', 'ERDA', 'full')


class Run(NamedTuple):
    """One method with one seed, for its labels and its training."""
    method: str
    seed: int
    config: Path
    cfg: Config
    work_dir: Path
    options: List[str]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('family', choices=FAMILIES,
                        help='MinkUNet on synthetic street scans or on real ones, or PointNet++ on synthetic rooms')
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=METHODS, help='default: all')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0], help='seeds of labels and training (default: 0)')
    parser.add_argument('--at-once', type=int, default=3, help='trainings at the same time (default: %(default)s)')
    parser.add_argument('--work-dir', type=Path, help='folder for everything; work_dirs/compare_FAMILY by default')
    parser.add_argument('--classes', nargs='+', metavar='NAME',
                        help='classes of the mean; by default those with an IoU in every run')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/train.py')
    args = parser.parse_args()
    args.work_dir = args.work_dir or Path('work_dirs') / f'compare_{args.family}'
    return args


def main() -> None:
    args = parse_args()
    console = Console()
    runs = [make_run(args, method, seed) for seed, method in itertools.product(args.seeds, args.methods)]
    if message := missing_data(runs[0].cfg, 'train_dataloader', 'test_dataloader'):
        stop(message)

    jobs = [job for run in runs if (job := unfinished(run)) is not None]
    console.print(f'{len(runs) - len(jobs)} of {len(runs)} runs are finished in {args.work_dir}, {len(jobs)} to go'
                  + (f'; logs in {args.work_dir}/seed_*/METHOD/log.txt' if jobs else ''))
    try:
        run_jobs(jobs, args.at_once)
    except JobError as error:
        stop(str(error))

    first = {run.method: run for run in reversed(runs)}
    results = []
    for method in args.methods:
        cfg = first[method].cfg
        metrics = [read_metrics(run.work_dir / 'metrics.json') for run in runs if run.method == method]
        iou = [{label: values[label] for label in cfg.class_names} for values in metrics]
        dataset = build_training_set(cfg)
        labels = label_statistics(dataset, segmentor_voxel_size(cfg))
        results.append(MethodResult(method, str(dataset.budget), labels, iou))
    rows = comparison_rows(results, args.classes)
    seeds = ', '.join(map(str, args.seeds))
    console.print(as_rich_table(rows, f'IoU in percent, {args.family}, seed {seeds}'))
    (args.work_dir / 'table.md').write_text(as_markdown(rows))
    draw_comparison(args.work_dir / 'comparison.png', {method: first[method].cfg for method in args.methods},
                    {method: str(checkpoint(first[method].work_dir)) for method in args.methods if method != 'full'})
    console.print(f'Table: {args.work_dir}/table.md\nPicture: {args.work_dir}/comparison.png')


def make_run(args: argparse.Namespace, method: str, seed: int) -> Run:
    config = FAMILIES[args.family].config(method)
    options = [*args.cfg_options, f'randomness.seed={seed}', f'train_dataloader.dataset.seed={seed}']
    cfg = load_config(str(config), cfg_options=parse_options(options))
    return Run(method, seed, config, cfg, args.work_dir / f'seed_{seed}' / method, options)


def parse_options(options: List[str]) -> dict:
    """``KEY=VALUE`` as tools/train.py reads it."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='*', action=DictAction, default={})
    return parser.parse_args(['--options', *options]).options


def checkpoint(work_dir: Path) -> Path:
    return Path((work_dir / 'last_checkpoint').read_text().strip())


def unfinished(run: Run) -> Optional[TrainingJob]:
    """What is left of a run, nothing if its metrics come from the same settings."""
    work_dir = run.work_dir
    settings = hashlib.sha256(run.cfg.pretty_text.encode()).hexdigest()
    stamp = work_dir / 'settings.sha256'
    same = stamp.is_file() and stamp.read_text() == settings
    if same and (work_dir / 'metrics.json').is_file():
        return None
    for stale in ('metrics.json', *([] if same else ['last_checkpoint'])):
        (work_dir / stale).unlink(missing_ok=True)
    work_dir.mkdir(parents=True, exist_ok=True)
    stamp.write_text(settings)
    common = ['--work-dir', str(work_dir), '--cfg-options', *run.options]
    resume = ['--resume'] if (work_dir / 'last_checkpoint').is_file() else []
    train = [str(ROOT / 'tools/train.py'), str(run.config), *resume, *common]
    last = work_dir / f'iter_{run.cfg.train_cfg.max_iters}.pth'
    test = [str(ROOT / 'tools/test.py'), str(run.config), str(last), '--out', str(work_dir), *common]
    return TrainingJob(f'{run.method} {run.seed}', [train, test], work_dir / 'log.txt')


if __name__ == '__main__':
    main()
