import pytest
import torch

from erda.ops.unique_coors import unique_coors


@pytest.mark.parametrize('high', [1, 5, 2**20, 2**31 - 1], ids=['one voxel', 'few', 'many', 'more than keys'])
@pytest.mark.parametrize('dtype', [torch.int32, torch.int64])
@pytest.mark.parametrize('shape', [(200, 3), (200, 4), (200, 2), (1, 3), (0, 3)])
def test_same_as_rows_of_torch_unique(shape, dtype, high):
    torch.manual_seed(0)
    coors = torch.randint(high, shape, dtype=dtype)
    coors[::3] = coors[:1].clone()
    found = unique_coors(coors)
    expected = torch.unique(coors, dim=0, return_inverse=True, return_counts=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_voxels_that_differ_in_one_axis_stay_apart():
    coors = torch.tensor([[0, 1, 0], [0, 0, 9], [1, 0, 0], [0, 1, 0]])
    voxels, voxel_of_row, counts = unique_coors(coors)
    assert voxels.tolist() == [[0, 0, 9], [0, 1, 0], [1, 0, 0]]
    assert voxel_of_row.tolist() == [1, 0, 2, 1] and counts.tolist() == [1, 2, 1]
