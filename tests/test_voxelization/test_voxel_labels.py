from collections import Counter

import pytest
import torch

from erda.voxelization import mean_per_voxel, occupied_voxels, vote_voxel_labels
from erda.weak_labels import UNLABELED

VOID = 19


def slow_vote(labels):
    votes = Counter(x for x in labels if x not in (UNLABELED, VOID))
    if votes:
        return min(votes, key=lambda label: (-votes[label], label))
    return UNLABELED if UNLABELED in labels else VOID


@pytest.mark.parametrize('choices', [[UNLABELED, VOID, 0, 3, 18], [UNLABELED, VOID], [VOID], [UNLABELED], [5]])
def test_vote_equals_a_loop(choices):
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor(choices)[torch.randint(len(choices), (500, ), generator=generator)]
    voxels = torch.randint(100, (500, ), generator=generator)
    voxels[:100] = torch.arange(100)
    expected = [slow_vote(labels[voxels == v].tolist()) for v in range(100)]
    assert vote_voxel_labels(labels, voxels, 100, VOID).tolist() == expected


def test_void_never_votes():
    labels = torch.tensor([VOID] * 20 + [4] + [UNLABELED] * 20)
    assert vote_voxel_labels(labels, torch.zeros(41, dtype=torch.long), 1, VOID).tolist() == [4]


def test_dtype_is_kept():
    assert vote_voxel_labels(torch.tensor([2], dtype=torch.int32), torch.tensor([0]), 1, VOID).dtype == torch.int32


def test_occupied_voxels():
    grid = occupied_voxels(torch.tensor([[5, -3, 0], [4, -3, 7], [5, -3, 0], [4, -2, 7]], dtype=torch.int32))
    assert grid.coors.tolist() == [[0, 0, 7], [0, 1, 7], [1, 0, 0]]
    assert grid.first_point.tolist() == [1, 3, 0]
    assert grid.point2voxel_map.tolist() == [2, 0, 2, 1]


def test_one_point():
    grid = occupied_voxels(torch.tensor([[5, -3, 9]]))
    assert grid.coors.tolist() == [[0, 0, 0]] and grid.point2voxel_map.tolist() == [0]


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16])
def test_mean_per_voxel(dtype):
    values = torch.randn(50, 3).to(dtype)
    voxel = torch.randint(-1, 5, (50, ))
    mean = mean_per_voxel(values, voxel, 5)
    assert mean.dtype == (dtype if dtype.itemsize >= 4 else torch.float32)
    torch.testing.assert_close(mean, torch.stack([values[voxel == i].to(mean.dtype).mean(0) for i in range(5)]))
