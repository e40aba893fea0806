"""Runs training and test commands as child processes, with their progress instead of their logs on the screen."""
import fcntl
import os
import queue
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence

from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn

from ..files.progress import Progress, time_left
from .time_left import TimeLeft

ITERATION = re.compile(
    r'(?:Iter|Epoch)\((train|val|test)\) +(?:\[(\d+)\])?\[\s*(\d+)/(\d+)\]'
    r'(?:.*? time: ([\d.]+))?(?:.*? loss: ([\d.]+|nan))?')


class TrainingJob(NamedTuple):
    """Commands that run one after the other and share a log file.

    Attributes:
        name: for people.
        commands: arguments of the Python interpreter for each; asked for when no other process is at work in the folder
            of the log.
        log: file that their output is added to; its folder is this job's alone.
        epochs: of the training, if its log counts steps within an epoch.
        kind: jobs of one kind take about the same time.
    """
    name: str
    commands: Callable[[], Sequence[Sequence[str]]]
    log: Path
    epochs: int = 1
    kind: str = ''


class JobError(RuntimeError):
    """A job failed; the message ends with the last lines of its log."""


def run_jobs(jobs: Sequence[TrainingJob],
             at_once: int = 1,
             gpus: Sequence[str] = (),
             finished: Callable[[int], None] = lambda number: None,
             known: Optional[Mapping[str, float]] = None) -> List[JobError]:
    """Run jobs, several at the same time, each on one thread and with its own progress bar, and wait for them.

    The children end with this process, unless it is killed by SIGKILL. Then they hold the lock on their log until they
    are done, and a job with the same log fails.

    Args:
        jobs: what to run.
        at_once: how many at the same time.
        gpus: names of the GPUs to spread them over, as for ``CUDA_VISIBLE_DEVICES``; none for the CPU.
        finished: called with the number of each job that has ended well, one call at a time; a ``JobError`` from it
            counts as a failure of the job.
        known: seconds of a whole job by kind, from before, for the estimate of the time left.

    Returns: errors of the jobs that failed; one failure stops none of the others.
    """
    with Progress(TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[note]}'),
                  TimeElapsedColumn()) as progress:
        crew = _Crew(progress, TimeLeft([job.kind for job in jobs], at_once, known), at_once, gpus)
        previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        pool = ThreadPoolExecutor(at_once)
        try:
            futures = {pool.submit(crew.run, number, job): number for number, job in enumerate(jobs)}
            errors = []
            for future in as_completed(futures):
                number = futures[future]
                try:
                    future.result()
                    finished(number)
                except JobError as error:
                    errors.append(error)
                    crew.report(f'failed: {jobs[number].name}')
                else:
                    crew.report(f'done: {jobs[number].name}')
            return errors
        except BaseException:  # Ctrl-C, or a termination: the children must not go on alone.
            crew.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            signal.signal(signal.SIGTERM, previous)


class _Crew:
    """What all running jobs share: devices, progress and the list of children."""

    def __init__(self, progress: Progress, estimate: TimeLeft, at_once: int, gpus: Sequence[str]) -> None:
        self.progress = progress
        self.estimate = estimate
        self.jobs = len(estimate.kinds)
        self.ended = 0
        self.all = progress.add_task('all', total=self.jobs, note=self)
        self.children: List[subprocess.Popen] = []
        self.stopped = False
        self.devices: queue.Queue = queue.Queue()
        for slot in range(at_once):
            self.devices.put(gpus[slot % len(gpus)] if gpus else None)

    def __str__(self) -> str:
        """How far all jobs are now: the note of their progress bar."""
        text = f'{self.ended} of {self.jobs}'
        seconds = None if self.ended == self.jobs else self.estimate.seconds()
        return text if seconds is None else f'{text}, {time_left(seconds)}'

    def stop(self) -> None:
        self.stopped = True
        for child in self.children:
            child.terminate()

    def report(self, what: str) -> None:
        """A line for each job that has ended."""
        self.ended += 1
        self.progress.update(self.all, completed=self.estimate.done)
        self.progress.console.print(f'{self}; {what}', markup=False, highlight=False, soft_wrap=True)

    def run(self, number: int, job: TrainingJob) -> None:
        device = self.devices.get()
        task = self.progress.add_task(job.name, total=1.0, note='starting')
        self.estimate.begin(number)
        try:
            self._run_locked(number, job, device, task)
        except OSError as error:
            raise JobError(f'{job.name} failed: {error}') from error
        finally:
            self.estimate.end(number)
            self.progress.remove_task(task)
            self.devices.put(device)

    def _run_locked(self, number: int, job: TrainingJob, device: Optional[str], task: TaskID) -> None:
        env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHONWARNINGS='ignore')
        if device is not None:
            env['CUDA_VISIBLE_DEVICES'] = device
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with open(job.log, 'a') as log:
            try:  # Children hold the lock too: one that has outlived its parent still writes here.
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise JobError(f'{job.name}: another process is at work in {job.log.parent}. Wait for it, or stop it, '
                               'and call again.') from None
            for command in job.commands():
                if self.stopped:
                    return
                self.progress.update(task, note=f'starting {Path(command[0]).name}')
                child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.STDOUT, errors='replace', env=env,
                                         pass_fds=[log.fileno()])
                self.children.append(child)
                if self.stopped:  # stop() may have come too early to see it
                    child.terminate()
                assert child.stdout is not None  # it is a pipe
                for line in child.stdout:
                    log.write(line)
                    log.flush()
                    if match := ITERATION.search(line):
                        self._show(match, number, job, task)
                if child.wait():
                    tail = ''.join(job.log.read_text(errors='replace').splitlines(keepends=True)[-15:])
                    raise JobError(f'{job.name} failed: {" ".join(command)}\nThe end of {job.log}:\n{tail}')

    def _show(self, match: re.Match, number: int, job: TrainingJob, task: TaskID) -> None:
        """Show a line of the log."""
        phase, epoch, done, total, seconds, loss = match.groups()
        note = ' '.join([phase, *([f'epoch {epoch} of {job.epochs},'] if epoch else []), f'{done}/{total}'])
        self.progress.update(task, note=f'{note}, loss {float(loss):.2f}' if loss else note)
        if phase == 'train':
            share = (int(epoch or 1) - 1 + int(done) / int(total)) / job.epochs
            self.progress.update(task, completed=share)
            self.estimate.see(number, share, float(seconds) * int(total) * job.epochs if seconds else None)
            self.progress.update(self.all, completed=self.estimate.done)
