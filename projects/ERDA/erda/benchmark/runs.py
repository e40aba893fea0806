"""Runs the cells of a benchmark, each as tools/train.py and tools/test.py in a folder of its own."""
import datetime
import json
import os
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from mmengine.config import Config

from ..evaluation.comparison_table import LabelCount
from ..evaluation.label_statistics import label_statistics
from ..evaluation.package_versions import package_versions
from ..evaluation.training_job import JobError, TrainingJob, run_jobs
from ..evaluation.training_set import build_training_set, segmentor_voxel_size
from ..files.metrics_file import read_confusion, read_metrics, read_your_clouds
from .cells import LOG, CellRun, last_hidden_label_report, seconds_of_test, seconds_of_training
from .provenance import device_name, git_revision
from .results import CellResult, append_result, read_results, settings_of


class CellRunner:
    """Runs cells and adds their results to a file.

    Args:
        title: of the spec.
        results: file of results.
        root: folder of the repository.
        tools: folder of train.py and test.py.
        test_options: more arguments of test.py.
    """

    def __init__(self, title: str, results: Path, root: Path, tools: Path, test_options: Sequence[str] = ()) -> None:
        self.title = title
        self.results = results
        self.root = root
        self.tools = tools
        self.test_options = test_options
        self.git_revision = git_revision(root)
        self.versions = package_versions()
        self._labels: Dict[str, Tuple[str, List[LabelCount]]] = {}

    def run(self, runs: Sequence[CellRun], at_once: Optional[int] = None) -> List[JobError]:
        """Run cells that have no result yet.

        Args:
            runs: the cells.
            at_once: how many at the same time; one for each GPU, or else for each CPU core, if ``None``.

        Returns: errors of those that failed.
        """
        tests = [run for run in runs if run.trained_as]
        if tests and len(tests) < len(runs):  # what is tested with the weights of others waits for them
            return self.run([run for run in runs if not run.trained_as], at_once) + self.run(tests, at_once)
        jobs = [TrainingJob(run.cell.name, self._commands(run), run.folder / LOG, run.epochs or 1,
                            _kind(run.cell.method, run.cfg.train_cfg.get('max_iters'))) for run in runs]
        lengths = {run.cfg.train_cfg.get('max_iters') for run in runs}
        known = {_kind(result.method, result.iterations): result.test_seconds + result.train_seconds * (not tests)
                 for result in read_results(self.results).values()
                 if result.iterations in lengths and result.device == device_name()}
        gpus = visible_gpus()
        return run_jobs(jobs, at_once or len(gpus) or cpu_cores(), gpus, lambda number: self.finish(runs[number]),
                        known)

    def finish(self, run: CellRun) -> None:
        """Add the result of a cell with metrics, unless another process has done so.

        Raises:
            JobError: if it cannot be made.
        """
        if run.key in read_results(self.results):
            return
        try:
            append_result(self.results, self._result(run))
        except (OSError, ValueError, KeyError) as error:
            raise JobError(f'{run.cell.name}: trained and tested in {run.folder}, but there is no result of it: '
                           f'{type(error).__name__}: {error}') from error

    def _commands(self, run: CellRun):
        return lambda: [] if run.key in read_results(self.results) else run.commands(self.tools, self.test_options)

    def _result(self, run: CellRun) -> CellResult:
        budget, labels = self._count_labels(run.cfg)
        cell = run.cell
        *_, sha256 = run.key
        return CellResult(
            spec=self.title,
            method=cell.method,
            budget=cell.budget,
            seed=cell.seed,
            config_sha256=sha256,
            budget_in_words=budget,
            labels=labels,
            metrics={key: float(value) for key, value in read_metrics(run.folder / 'metrics.json').items()},
            confusion=read_confusion(run.folder / 'metrics.json'),
            your_clouds=read_your_clouds(run.folder / 'metrics.json'),
            iterations=_iterations(run),
            train_seconds=round(seconds_of_training(run.training.folder), 1),
            test_seconds=round(seconds_of_test(run.folder), 1),
            device=device_name(),
            threads=1,
            git_revision=self.git_revision,
            versions=self.versions,
            finished=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
            hidden_labels=last_hidden_label_report(run.folder),
            **settings_of(cell, self.root))

    def _count_labels(self, cfg: Config) -> Tuple[str, List[LabelCount]]:
        """What the budget says of itself, and its labels; those of one training set are counted once."""
        voxel_size = segmentor_voxel_size(cfg)
        key = json.dumps([cfg.train_dataloader.dataset, voxel_size], default=str, sort_keys=True)
        if key not in self._labels:
            dataset = build_training_set(cfg)
            counted = label_statistics(dataset, voxel_size, progress=False)
            self._labels[key] = str(dataset.budget), [
                LabelCount(x.base, float(x.labels_per_scan.mean()), float(x.sizes.mean())) for x in counted]
        return self._labels[key]


def _kind(method: str, iterations: Optional[int]) -> str:
    """Cells that take about as long as each other."""
    return f'{method}, {iterations} iterations'


def _iterations(run: CellRun) -> int:
    if run.epochs is None:
        return int(run.cfg.train_cfg.max_iters)
    return int(torch.load(run.last, map_location='cpu', mmap=True, weights_only=True)['meta']['iter'])


def visible_gpus() -> List[str]:
    """Names of the GPUs that this process may use, as for ``CUDA_VISIBLE_DEVICES``."""
    count = torch.cuda.device_count()
    names = [name.strip() for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name.strip()]
    return (names or [str(number) for number in range(count)])[:count]


def cpu_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
