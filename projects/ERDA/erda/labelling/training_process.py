"""A training that the page starts: a process of its own, which goes on without the page and is found again."""
import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, NamedTuple, Optional

from ..evaluation.training_job import ITERATION
from ..files.data_error import DataError
from ..files.progress import time_left

LOG, PROCESS = 'label.log', 'label.pid'
FOLDER = re.compile(r'training_(\d+)')
TAIL = 100_000  # bytes of a log in which the last step is looked for


class TrainingProgress(NamedTuple):
    """How far a training is; what is not known yet is ``None``.

    Attributes:
        step, steps: done, and of all.
        loss: of the last steps.
        seconds: that the rest takes.
    """
    step: int
    steps: int
    loss: Optional[float]
    seconds: Optional[float]

    def __str__(self) -> str:
        known = [f'step {self.step} of {self.steps}']
        known += [] if self.loss is None else [f'loss {self.loss:.3g}']
        known += [] if self.seconds is None else [time_left(self.seconds)]
        return ', '.join(known)


class Trainings:
    """The trainings on a folder of clouds, one after the other, each in a folder of its own.

    Args:
        train: the command, ``tools/train.py``.
        config: what to train.
        root: of the folders ``training_1``, ``training_2``, ...
    """

    def __init__(self, train: Path, config: Path, root: Path) -> None:
        self.train, self.config, self.root = train, config, root
        self._child: Optional[subprocess.Popen] = None

    @property
    def folder(self) -> Optional[Path]:
        """That of the last training."""
        folders = self._folders()
        return folders[-1] if folders else None

    @property
    def is_running(self) -> bool:
        """Whether the last training is at work; it may have been started by an earlier command."""
        if self.folder is None or not (self.folder / LOG).exists():
            return False
        with open(self.folder / LOG, 'rb') as log:
            try:
                fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def start(self) -> Path:
        """Start one; its folder.

        Raises:
            DataError: if one is running, or there is no config.
            OSError: if its folder cannot be written.
        """
        if self.is_running:
            raise DataError('A training is running. Wait for it, or stop it.')
        if not self.config.is_file():
            raise DataError(f'{self.config} is not there: it says what to train. Write it with: python '
                            f'tools/prepare_data.py folder {self.config.parent}')
        numbers = [int(FOLDER.fullmatch(path.name).group(1)) for path in self._folders()]  # type: ignore[union-attr]
        folder = self.root / f'training_{max(numbers, default=0) + 1}'
        folder.mkdir(parents=True)
        with open(folder / LOG, 'ab') as log:
            fcntl.flock(log, fcntl.LOCK_EX)  # the process inherits it, and holds it as long as it lives
            command = [sys.executable, str(self.train), str(self.config), '--work-dir', str(folder)]
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                           start_new_session=True, env=dict(os.environ, PYTHONWARNINGS='ignore'))
        (folder / PROCESS).write_text(str(self._child.pid))
        return folder

    def stop(self) -> None:
        """End the training that is running, if there is one."""
        if self.is_running and self.folder is not None:
            os.killpg(int((self.folder / PROCESS).read_text()), signal.SIGTERM)

    def progress(self) -> Optional[TrainingProgress]:
        """How far the last training is; ``None`` before its first step."""
        steps = [match for match in ITERATION.finditer(self._end_of_log()) if match.group(1) == 'train']
        if not steps:
            return None
        _, _, done, total, seconds, loss = steps[-1].groups()
        left = float(seconds) * (int(total) - int(done)) if seconds else None
        return TrainingProgress(int(done), int(total), float(loss) if loss else None, left)

    def checkpoint(self) -> Optional[Path]:
        """The last checkpoint of the last training that has one."""
        return next(filter(None, map(_last_checkpoint, reversed(self._folders()))), None)

    def why_failed(self) -> Optional[str]:
        """The last line of the last training that has ended without a checkpoint; ``None`` if all is well."""
        if self.folder is None or self.is_running or _last_checkpoint(self.folder):
            return None
        lines = [line for line in self._end_of_log().splitlines() if line.strip()]
        if lines and ITERATION.search(lines[-1]):  # in the middle of its work
            return 'The training was stopped before its first checkpoint.'
        return f'The training has ended without a checkpoint: {lines[-1] if lines else "it said nothing."}'

    def _folders(self) -> List[Path]:
        found = [path for path in self.root.glob('training_*') if FOLDER.fullmatch(path.name)]
        return sorted(found, key=lambda path: int(path.name.rpartition('_')[2]))

    def _end_of_log(self) -> str:
        if self.folder is None or not (self.folder / LOG).exists():
            return ''
        with open(self.folder / LOG, 'rb') as log:
            log.seek(max(os.path.getsize(self.folder / LOG) - TAIL, 0))
            return log.read().decode(errors='replace')


def _last_checkpoint(folder: Path) -> Optional[Path]:
    said = folder / 'last_checkpoint'  # by mmengine
    if not said.exists():
        return None
    checkpoint = Path(said.read_text().strip())
    return checkpoint if checkpoint.is_file() else None
