"""The folder of a cell: its config, what is finished there, and what is left to run."""
import ast
import copy
import hashlib
import json
import os
import pprint
import re
import time
import zipfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from mmengine.config import Config

from ..config import load_config, with_fragments
from ..evaluation.training_job import JobError
from ..files.whole_file import write_whole
from .spec import Cell, SpecError

LOG = 'log.txt'


class CellRun(NamedTuple):
    """A cell, its merged config and its folder.

    Attributes:
        cell: which one.
        cfg: merged config.
        text: the same as a file.
        folder: for logs, checkpoints and metrics.
        trained_as: the run whose weights this one tests in place of a training of its own.
    """
    cell: Cell
    cfg: Config
    text: str
    folder: Path
    trained_as: Optional['CellRun'] = None

    @property
    def key(self) -> tuple:
        """As of its result."""
        return self.cell.method, self.cell.budget, self.cell.seed, hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def training(self) -> 'CellRun':
        """The run that trains the weights."""
        return self.trained_as or self

    @property
    def epochs(self) -> Optional[int]:
        """Length of the training, if it is counted in epochs."""
        return self.cfg.train_cfg.get('max_epochs')

    @property
    def length(self) -> str:
        """Length of the training in words."""
        return f'{self.epochs} epochs' if self.epochs else f'{self.cfg.train_cfg.max_iters} iterations'

    @property
    def config(self) -> Path:
        """File of the merged config; beside it, in the folder itself, the runner writes a copy of that name."""
        return self.folder / 'config' / 'cell.py'

    @property
    def last(self) -> Path:
        """The checkpoint at the end of the training."""
        name = f'epoch_{self.epochs}' if self.epochs else f'iter_{self.cfg.train_cfg.max_iters}'
        return self.training.folder / f'{name}.pth'

    @property
    def checkpoint(self) -> Optional[Path]:
        """The latest one of this config that is complete, if there is any."""
        if self.trained_as:
            return self.last if self.trained_as.checkpoint == self.last else None
        if not self.is_of_this_config():
            return None
        paths = {int(match[1]): path for path in self.folder.glob('*.pth')
                 if (match := re.fullmatch(r'(?:iter|epoch)_(\d+)', path.stem))}
        newest_first = [paths[number] for number in sorted(paths, reverse=True)]
        return next(filter(zipfile.is_zipfile, newest_first), None)  # the end is missing where a kill has cut one off

    @property
    def metrics(self) -> Optional[Path]:
        """Metrics of this config, if the test has been run."""
        path = self.folder / 'metrics.json'
        return path if self.is_of_this_config() and path.is_file() else None

    @property
    def state(self) -> str:
        """What is left to do of a cell without a result, in words."""
        if self.metrics:
            return 'finished'
        if self.checkpoint is None:
            return f'to test after {self.trained_as.cell.name}' if self.trained_as else 'to run'
        return 'to test' if self.checkpoint == self.last else f'to resume from {self.checkpoint.name}'

    def is_of_this_config(self) -> bool:
        """Whether what is in the folder was made with this config."""
        return self.config.is_file() and self.config.read_text() == self.text

    def commands(self, tools: Path, test_options: Sequence[str] = ()) -> List[List[str]]:
        """What is left to run: the training from its latest checkpoint, and the test; nothing if there are metrics.

        What another config left in the folder is put aside, and the config is written: only for who holds the lock.

        Args:
            tools: folder of the commands.
            test_options: more arguments of the test.

        Raises:
            JobError: if another run trains the weights, and they are not there.
        """
        if self.metrics:
            return []
        checkpoint = self.checkpoint
        if self.trained_as and not checkpoint:
            raise JobError(f'{self.cell.name}: there is no {self.last}, which {self.trained_as.cell.name} ends '
                           'with. Its training failed or is from another folder; in a new --work-dir both are run.')
        if not self.is_of_this_config():
            self._put_aside()
            self.config.parent.mkdir(parents=True)
            write_whole(self.config, self.text.encode())
        work_dir = ['--work-dir', str(self.folder)]
        test = [str(tools / 'test.py'), str(self.config), str(self.last), '--out', str(self.folder), *work_dir,
                *test_options]
        if checkpoint == self.last:
            return [test]
        resume = ['--resume', str(checkpoint)] if checkpoint else []
        return [[str(tools / 'train.py'), str(self.config), *resume, *work_dir], test]

    def _put_aside(self) -> None:
        old = [path for path in self.folder.iterdir() if path.name != LOG and not path.name.startswith('earlier_')]
        if old:
            number = 1 + len(list(self.folder.glob('earlier_*')))
            aside = self.folder / f'earlier_{number}'
            aside.mkdir()
            for path in old:
                os.replace(path, aside / path.name)


def make_runs(cells: Sequence[Cell], work_dir: Path) -> List[CellRun]:
    """The runs of cells, their configs merged.

    A cell whose weights another one trains stands together with that one.

    Options are merged one after the other, as ``Config.merge_from_dict`` does it: a mapping into the one that is there,
    unless it has ``_delete_: true``. mmengine removes an old checkpoint before it writes the new one; so that a kill in
    between does not cost a whole training, at least two are kept.

    Raises:
        ConfigError: if a config cannot be read.
        SpecError: if options do not fit their config, or cannot be written to a file.
    """
    configs: Dict[Tuple[Path, ...], Config] = {}
    runs: Dict[Path, CellRun] = {}
    for cell in sorted(cells, key=lambda cell: cell.trained_as is not None):
        files = (cell.config, *cell.fragments)
        if files not in configs:
            configs[files] = config_of_method(cell)
        cfg = copy.deepcopy(configs[files])
        for key, value in cell.options.items():
            try:
                cfg.merge_from_dict({key: copy.deepcopy(value)})
            except (KeyError, TypeError, IndexError, AttributeError) as error:
                raise SpecError(f'{cell.name}: the option {key}: {value!r} does not fit {cell.config}: '
                                f'{error}') from error
        if not {'max_iters', 'max_epochs'} & set(cfg.get('train_cfg') or {}):
            raise SpecError(f'{cell.name}: {cell.config} has neither train_cfg.max_iters nor train_cfg.max_epochs.')
        hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        if hook.get('max_keep_ckpts') == 1:
            hook['max_keep_ckpts'] = 2
        for key in ('work_dir', 'launcher'):
            cfg.pop(key, None)
        training = runs[cell.trained_as.folder] if cell.trained_as else None
        weights = f'# The weights are those of {training.cell.name}, {training.key[-1]}.\n' if training else ''
        runs[cell.folder] = CellRun(cell, cfg, weights + _text(cell, cfg), work_dir / cell.folder, training)
    return [runs[cell.folder] for cell in cells]


def config_of_method(cell: Cell) -> Config:
    """What the options of a cell are merged into.

    Raises:
        ConfigError: if a file cannot be read.
    """
    return with_fragments(cell.config, cell.fragments) if cell.fragments else load_config(str(cell.config))


def _text(cell: Cell, cfg: Config) -> str:
    """The config as Python; ``Config.dump`` does the same, but formats it, which takes seconds for each cell."""
    lines = []
    for key, value in cfg._cfg_dict.to_dict().items():
        try:
            same = key.isidentifier() and ast.literal_eval(repr(value)) == value
        except (ValueError, SyntaxError):
            same = False
        if not same:
            raise SpecError(f'{cell.name}: {key} = {value!r} cannot be written to a config file.')
        lines.append(f'{key} = {pprint.pformat(value, width=120, sort_dicts=False)}\n')
    return ''.join(lines)


def read_scalars(folder: Path) -> List[dict]:
    """What training has logged, in the order of time, also over several interrupted runs."""
    lines = []
    for path in _scalar_files(folder):
        for line in path.read_text(errors='replace').splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue  # cut off by a kill
    return lines


def last_hidden_label_report(folder: Path) -> Dict[str, float]:
    """What ``PseudoLabelQualityHook`` has logged last, such as ``prediction/miou``; empty without that hook."""
    reports = [line for line in read_scalars(folder) if 'prediction/accuracy' in line]
    return {key: value for key, value in reports[-1].items() if '/' in key} if reports else {}


def seconds_of_training(folder: Path) -> float:
    """Time from the start of the runner to its last line in the log of values, over all parts of a training."""
    return sum(path.stat().st_mtime - _start(path.parents[1]) for path in _scalar_files(folder))


def seconds_of_test(folder: Path) -> float:
    """Time from the start of the last runner to the metrics."""
    start = max(_start(path) for path in folder.iterdir() if re.fullmatch(r'\d{8}_\d{6}', path.name))
    return (folder / 'metrics.json').stat().st_mtime - start


def _scalar_files(folder: Path) -> List[Path]:
    return sorted(path for path in folder.glob('*/vis_data/scalars.json')
                  if re.fullmatch(r'\d{8}_\d{6}', path.parents[1].name))


def _start(folder: Path) -> float:
    return time.mktime(time.strptime(folder.name, '%Y%m%d_%H%M%S'))
