"""Which of several processes this one is, and which files are its share. They agree without talking to each other."""
import datetime
import heapq
import os
from typing import List, Mapping, NamedTuple, Sequence

import torch.distributed as dist

from .errors import InferenceError

VERY_LONG = datetime.timedelta(days=60)  # that one process may wait for the files of another


class Process(NamedTuple):
    """One of the processes that label the same files.

    Attributes:
        number: from 0.
        count: of all processes.
        on_machine: number of the process on its machine, from 0, to choose a GPU by.
        waits: whether it must not end before the others do.
    """
    number: int = 0
    count: int = 1  # type: ignore[assignment]  # hides tuple.count
    on_machine: int = 0
    waits: bool = False

    def __str__(self) -> str:
        return f'Process {self.number + 1} of {self.count}'

    def wait_for_others(self) -> None:
        """Under torchrun, return when all processes have come here: it ends all when one ends with an error."""
        if self.waits:
            if not dist.is_initialized():
                dist.init_process_group('gloo', timeout=VERY_LONG)
            dist.barrier()


def this_process(environ: Mapping[str, str] = os.environ) -> Process:
    """What torchrun and the job arrays of Slurm, or both, say in the environment.

    Raises:
        InferenceError: if the tasks of a job array are not numbered in equal steps.

    Examples:
        >>> this_process({'RANK': '1', 'WORLD_SIZE': '2', 'LOCAL_RANK': '1'})
        Process(number=1, count=2, on_machine=1, waits=True)
        >>> this_process({'SLURM_ARRAY_TASK_ID': '7', 'SLURM_ARRAY_TASK_MIN': '4', 'SLURM_ARRAY_TASK_COUNT': '5'})
        Process(number=3, count=5, on_machine=0, waits=False)
    """
    rank, world, task, tasks = int(environ.get('RANK', 0)), int(environ.get('WORLD_SIZE', 1)), 0, 1
    if 'SLURM_ARRAY_TASK_ID' in environ:
        steps = int(environ['SLURM_ARRAY_TASK_ID']) - int(environ['SLURM_ARRAY_TASK_MIN'])
        task, rest = divmod(steps, int(environ.get('SLURM_ARRAY_TASK_STEP', 1)))
        tasks = int(environ['SLURM_ARRAY_TASK_COUNT'])
        if rest or task >= tasks:
            raise InferenceError('The tasks of the job array have gaps between their numbers. Number them like '
                                 f'--array=0-{tasks - 1}.')
    return Process(task * world + rank, tasks * world, int(environ.get('LOCAL_RANK', 0)), world > 1)


def shares(sizes: Sequence[int], count: int) -> List[List[int]]:
    """Which files each process gets: the largest first, each to the process that has least so far.

    Args:
        sizes: of the files, in bytes.
        count: of the processes.

    Returns: for each process the numbers of its files, ascending.

    Examples:
        >>> shares([10, 70, 40, 30], 2)
        [[0, 1], [2, 3]]
    """
    files: List[List[int]] = [[] for _ in range(count)]
    loads = [(0, process) for process in range(count)]  # a heap already
    for number in sorted(range(len(sizes)), key=lambda file: (-sizes[file], file)):
        load, process = loads[0]
        heapq.heapreplace(loads, (load + sizes[number], process))
        files[process].append(number)
    return [sorted(numbers) for numbers in files]
