"""Runs the cells of a benchmark, each as tools/train.py and tools/test.py in a folder of its own."""
import copy
import datetime
import hashlib
import json
import platform
import statistics
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

import torch
from mmengine.config import Config

from ..config import load_config
from ..evaluation.comparison_table import LabelCount
from ..evaluation.label_statistics import label_statistics
from ..evaluation.metrics_file import read_metrics
from ..evaluation.training_job import TrainingJob
from ..evaluation.training_set import build_training_set, segmentor_voxel_size
from .results import CellResult
from .spec import Cell

PACKAGES = ('erda-mmdet3d', 'torch', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'mmdet3d', 'numpy', 'spconv-cu120')


class CellRun(NamedTuple):
    """A cell, its merged config and its folder.

    Attributes:
        cell: which one.
        cfg: merged config.
        text: the same as a file.
        folder: for logs, checkpoints and metrics.
    """
    cell: Cell
    cfg: Config
    text: str
    folder: Path

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def epochs(self) -> Optional[int]:
        """Length of the training, if it is counted in epochs."""
        return self.cfg.train_cfg.get('max_epochs')

    @property
    def length(self) -> str:
        """Length of the training in words."""
        return f'{self.epochs} epochs' if self.epochs else f'{self.cfg.train_cfg.max_iters} steps'

    @property
    def checkpoint(self) -> Optional[Path]:
        """The latest one of this config, if there is any."""
        last = self.folder / 'last_checkpoint'
        if not self.is_of_this_config() or not last.is_file():
            return None
        path = self.folder / Path(last.read_text().strip()).name
        return path if path.is_file() else None

    @property
    def metrics(self) -> Optional[Path]:
        """Metrics of this config, if the test has been run."""
        path = self.folder / 'metrics.json'
        return path if self.is_of_this_config() and path.is_file() else None

    @property
    def config(self) -> Path:
        """File of the merged config; beside it, in the folder itself, the runner writes a copy of that name."""
        return self.folder / 'config' / 'cell.py'

    def is_of_this_config(self) -> bool:
        """Whether what is in the folder was made with this config."""
        return self.config.is_file() and self.config.read_text() == self.text


def make_runs(cells: Sequence[Cell], work_dir: Path) -> List[CellRun]:
    """The runs of cells, their configs merged.

    Raises:
        ConfigError: if a config cannot be read.
    """
    runs = []
    for cell in cells:
        cfg = load_config(str(cell.config), cfg_options=copy.deepcopy(cell.options))
        cfg.pop('work_dir')
        cfg.pop('launcher')
        runs.append(CellRun(cell, cfg, cfg.pretty_text, work_dir / cell.folder))
    return runs


def training_job(run: CellRun, tools: Path) -> TrainingJob:
    """What is left to run of a cell without metrics: training from its latest checkpoint, and the test.

    Args:
        run: the cell; its folder is made, and what another config left in it is removed.
        tools: folder of the commands.
    """
    checkpoint, config = run.checkpoint, run.config
    if not run.is_of_this_config():
        for stale in ('last_checkpoint', 'metrics.json'):
            (run.folder / stale).unlink(missing_ok=True)
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(run.text)
    last = run.folder / (f'epoch_{run.epochs}.pth' if run.epochs else f'iter_{run.cfg.train_cfg.max_iters}.pth')
    work_dir = ['--work-dir', str(run.folder)]
    commands = [[str(tools / 'test.py'), str(config), str(last), '--out', str(run.folder), *work_dir]]
    if checkpoint != last:
        resume = ['--resume'] if checkpoint else []
        commands.insert(0, [str(tools / 'train.py'), str(config), *resume, *work_dir])
    return TrainingJob(run.cell.name, commands, run.folder / 'log.txt', run.epochs or 1)


class ResultMaker:
    """Makes the results of finished cells; label counts of one training set are counted once.

    Args:
        title: of the spec.
        root: folder of the repository.
    """

    def __init__(self, title: str, root: Path) -> None:
        self.title = title
        self.root = root
        self.git_revision = _git_revision(root)
        self._labels: Dict[str, tuple] = {}

    def result(self, run: CellRun) -> CellResult:
        """The result of a cell with metrics."""
        budget, labels = self._count_labels(run.cfg)
        cell = run.cell
        return CellResult(
            spec=self.title,
            method=cell.method,
            budget=cell.budget,
            seed=cell.seed,
            config=str(cell.config.relative_to(self.root)),
            options=cell.options,
            config_sha256=run.sha256,
            budget_in_words=budget,
            labels=labels,
            metrics={key: float(value) for key, value in read_metrics(run.metrics).items()},
            length=run.length,
            seconds_per_step=_seconds_per_step(run.folder),
            device=torch.cuda.get_device_name() if torch.cuda.is_available() else f'{platform.machine()} CPU, 1 thread',
            git_revision=self.git_revision,
            versions=_versions(),
            finished=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'))

    def _count_labels(self, cfg: Config) -> tuple:
        key = json.dumps(cfg.train_dataloader.dataset, default=str, sort_keys=True)
        if key not in self._labels:
            dataset = build_training_set(cfg)
            counted = label_statistics(dataset, segmentor_voxel_size(cfg))
            self._labels[key] = str(dataset.budget), [
                LabelCount(x.base, float(x.labels_per_scan.mean()), float(x.sizes.mean())) for x in counted]
        return self._labels[key]


def read_scalars(folder: Path) -> List[dict]:
    """What training has logged, in the order of time, also over several interrupted runs."""
    lines = []
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue  # cut off by a kill
    return lines


def _seconds_per_step(folder: Path) -> float:
    times = [line['time'] for line in read_scalars(folder) if 'loss' in line]
    return statistics.median(times) if times else float('nan')


def _git_revision(root: Path) -> str:
    done = subprocess.run(['git', 'describe', '--always', '--abbrev=12', '--exclude=*', '--dirty'], cwd=root,
                          capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'


def _versions() -> Dict[str, str]:
    versions = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
