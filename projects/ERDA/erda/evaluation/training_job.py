"""Runs training and test commands as child processes, with their progress instead of their logs on the screen."""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, NamedTuple, Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

ITERATION = re.compile(r'(?:Iter|Epoch)\((train|val|test)\) +(?:\[\d+\])?\[\s*(\d+)/(\d+)\](?:.*? loss: ([\d.]+|nan))?')


class TrainingJob(NamedTuple):
    """Commands that run one after the other and share a log file."""
    name: str
    commands: Sequence[Sequence[str]]
    log: Path


class JobError(RuntimeError):
    """A command of a job failed; the message ends with the last lines of its log."""


def run_jobs(jobs: Sequence[TrainingJob], at_once: int = 3) -> None:
    """Run jobs, several at the same time, each on one thread and with its own progress bar, and wait for them.

    Args:
        jobs: what to run.
        at_once: how many at the same time.

    Raises:
        JobError: if a command failed; the other jobs are finished first.
    """
    if not jobs:
        return
    columns = (TextColumn('{task.description:<14}'), BarColumn(), MofNCompleteColumn(),
               TextColumn('{task.fields[note]}'), TimeElapsedColumn(), TimeRemainingColumn())
    children: List[subprocess.Popen] = []
    with Progress(*columns) as progress, ThreadPoolExecutor(at_once) as pool:
        futures = [
            pool.submit(_run, job, progress, progress.add_task(job.name, total=None, note='waiting'), children)
            for job in jobs
        ]
        try:
            errors = [future.exception() for future in futures]
        except BaseException:  # Ctrl-C: the children must not go on alone.
            for child in children:
                child.terminate()
            raise
    for error in errors:
        if error is not None:
            raise error


def _run(job: TrainingJob, progress: Progress, task, children: List[subprocess.Popen]) -> None:
    env = dict(os.environ, OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHONWARNINGS='ignore')
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, 'w') as log:
        for command in job.commands:
            child = subprocess.Popen(
                [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
            children.append(child)
            for line in child.stdout:
                log.write(line)
                log.flush()
                if match := ITERATION.search(line):
                    phase, done, total, loss = match.groups()
                    note = f'{phase}, loss {float(loss):.2f}' if loss else phase
                    if phase == 'train':
                        progress.update(task, completed=int(done), total=int(total), note=note)
                    else:
                        progress.update(task, note=note)
            if child.wait():
                progress.update(task, note='failed')
                tail = ''.join(job.log.read_text().splitlines(keepends=True)[-15:])
                raise JobError(f'{job.name} failed: {" ".join(command)}\nThe end of {job.log}:\n{tail}')
    progress.update(task, note='done')
