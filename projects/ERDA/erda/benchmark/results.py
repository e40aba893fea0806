"""Results of finished cells as JSON lines."""
import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from ..evaluation.comparison_table import LabelCount
from .cells import CellRun
from .spec import Cell


class CellResult(NamedTuple):
    """A finished cell; a line of the file.

    Attributes:
        spec: title of the spec.
        method, budget, seed: which cell.
        config: config file, relative to the repository.
        fragments: of the config, likewise.
        fold: name of the fold, empty where the spec has none.
        confusion: ``[K, K + 1]`` points by true and predicted class, see
            :func:`erda.evaluation.confusion_metric.confusion_matrix`; empty in older results.
        options: settings merged into it.
        config_sha256: of the merged config.
        budget_in_words: what the budget says of itself.
        labels: on raw points, and on voxels if the segmentor has any.
        metrics: IoU of each class, ``miou``, ``acc``, ``acc_cls``, in 0 to 1; NaN for a class that neither occurs nor
            is predicted.
        iterations: steps of the training.
        train_seconds: of all parts of an interrupted training, start-up not counted.
        test_seconds: of the test, start-up not counted.
        device: that it was trained on.
        threads: of the training process.
        git_revision: of the repository, with ``-dirty`` behind it if files had been changed.
        versions: of Python and the packages.
        finished: date and time, UTC.
        hidden_labels: last report of the training's ``PseudoLabelQualityHook``, empty without one.
        your_clouds: the same as ``confusion`` on the hidden labels of the training scans, each predicted whole; empty
            where nothing is hidden, where it was left out, and in older results.
    """
    spec: str
    method: str
    budget: str
    seed: int
    config: str
    options: Dict[str, Any]
    config_sha256: str
    budget_in_words: str
    labels: List[LabelCount]
    metrics: Dict[str, float]
    iterations: int
    train_seconds: float
    test_seconds: float
    device: str
    threads: int
    git_revision: str
    versions: Dict[str, str]
    finished: str
    hidden_labels: Dict[str, float] = {}
    fragments: List[str] = []
    fold: str = ''
    confusion: List[List[int]] = []
    your_clouds: List[List[int]] = []

    @property
    def key(self) -> Tuple[str, str, int, str]:
        """What makes it the result of a cell: names, seed and config."""
        return self.method, self.budget, self.seed, self.config_sha256


def append_result(path: Path, result: CellResult) -> None:
    """Add a line; a line that a kill has cut off is closed first, so that it harms nothing but itself."""
    fields = result._asdict()
    fields['labels'] = [label._asdict() for label in result.labels]
    fields['metrics'] = {key: None if math.isnan(value) else value for key, value in result.metrics.items()}
    line = json.dumps(fields) + '\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'ab+') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b'\n':
                line = '\n' + line
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_results(path: Path) -> Dict[tuple, CellResult]:
    """The newest result for each key, none if there is no file; a line that a kill has cut off is passed over."""
    results = {}
    for line in path.read_text(errors='replace').splitlines() if path.is_file() else ():
        try:
            fields = json.loads(line)
            fields['labels'] = [LabelCount(**label) for label in fields['labels']]
            fields['metrics'] = {key: float('nan') if value is None else value
                                 for key, value in fields['metrics'].items()}
            result = CellResult(**fields)
        except (ValueError, TypeError, KeyError):
            continue
        results[result.key] = result
    return results


def results_of_same_configs(runs: Sequence[CellRun], title: str, root: Path, folder: Path) -> Dict[tuple, CellResult]:
    """Results that other specs have of the merged configs of these cells, under the names that the cells have here.

    Args:
        runs: cells without a result of their own.
        title: of their spec.
        root: folder of the repository.
        folder: its subfolders are the work dirs of the specs.
    """
    known = {result.config_sha256: result for path in sorted(folder.glob('*/results.jsonl'))
             for result in read_results(path).values()}
    found = {}
    for run in runs:
        cell, sha256 = run.cell, run.key[-1]
        if sha256 in known:
            found[run.key] = known[sha256]._replace(
                spec=title, method=cell.method, budget=cell.budget, **settings_of(cell, root))
    return found


def settings_of(cell: Cell, root: Path) -> Dict[str, Any]:
    """What a result says of the config of a cell, files relative to ``root``."""
    config, *fragments = (os.path.relpath(path, root) for path in (cell.config, *cell.fragments))
    return dict(config=config, fragments=fragments, options=cell.options, fold=cell.fold)
