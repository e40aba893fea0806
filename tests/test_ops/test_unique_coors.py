import pytest
import torch

from erda.ops.squared_distance import takes_compiled_loop
from erda.ops.unique_coors import unique_coors


@pytest.mark.parametrize('high', [1, 5, 2**20, 2**31 - 1], ids=['one voxel', 'few', 'many', 'more than keys'])
@pytest.mark.parametrize('dtype', [torch.int32, torch.int64])
@pytest.mark.parametrize('shape', [(200, 3), (200, 4), (200, 2), (1, 3), (0, 3)])
def test_same_as_rows_of_torch_unique(shape, dtype, high):
    torch.manual_seed(0)
    coors = torch.randint(high, shape, dtype=dtype)
    coors[::3] = coors[:1].clone()
    coors -= high // 2
    *found, first_row = unique_coors(coors)
    expected = torch.unique(coors, dim=0, return_inverse=True, return_counts=True)
    torch.testing.assert_close(tuple(found), expected, rtol=0, atol=0)
    assert first_row.tolist() == [expected[1].tolist().index(voxel) for voxel in range(len(expected[0]))]


@pytest.mark.parametrize('stride', [1, 2**20, 2**40])
def test_the_compiled_loop_gives_what_torch_does(stride, monkeypatch):
    """With keys that a hash could send to one place."""
    coors = torch.randint(500, (5000, 1)) * stride
    found = unique_coors(coors)
    assert takes_compiled_loop(coors)
    monkeypatch.setattr('erda.ops.unique_coors.takes_compiled_loop', lambda rows: False)
    torch.testing.assert_close(tuple(found), tuple(unique_coors(coors)), rtol=0, atol=0)


def test_voxels_that_differ_in_one_axis_stay_apart():
    voxels, voxel_of_row, counts, first_row = unique_coors(torch.tensor([[0, 1, 0], [0, 0, 9], [1, 0, 0], [0, 1, 0]]))
    assert voxels.tolist() == [[0, 0, 9], [0, 1, 0], [1, 0, 0]]
    assert voxel_of_row.tolist() == [1, 0, 2, 1] and counts.tolist() == [1, 2, 1] and first_row.tolist() == [1, 0, 2]
