import numpy as np
import pytest

from erda.inference.errors import InferenceError
from erda.inference.processes import Process, shares, this_process


@pytest.mark.parametrize('count', [1, 2, 3, 7])
def test_every_file_has_one_process_and_no_process_has_much_more(count):
    sizes = np.random.default_rng(count).integers(0, 1000, 40).tolist()
    files = shares(sizes, count)
    assert sorted(number for share in files for number in share) == list(range(40)) and len(files) == count
    loads = [sum(sizes[number] for number in share) for share in files]
    for share, load in zip(files, loads):  # a file could have gone to the least of the others
        assert load - min(loads) <= min(sizes[number] for number in share)
    assert files == shares(sizes, count)


def test_few_files():
    assert shares([], 2) == [[], []]
    assert shares([5, 5], 3) == [[0], [1], []]


def test_processes_are_told_by_their_environment():
    assert this_process({}) == Process()
    array = dict(SLURM_ARRAY_TASK_MIN='10', SLURM_ARRAY_TASK_COUNT='3', SLURM_ARRAY_TASK_STEP='5')
    assert [this_process(dict(array, SLURM_ARRAY_TASK_ID=str(task))).number for task in (10, 15, 20)] == [0, 1, 2]
    both = this_process(dict(array, SLURM_ARRAY_TASK_ID='20', RANK='1', WORLD_SIZE='2', LOCAL_RANK='1'))
    assert both == Process(5, 6, 1, True) and str(both) == 'Process 6 of 6'
    for task in ('12', '25'):
        with pytest.raises(InferenceError, match='gaps between their numbers. Number them like --array=0-2'):
            this_process(dict(array, SLURM_ARRAY_TASK_ID=task))
