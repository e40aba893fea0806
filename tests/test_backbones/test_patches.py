import pytest
import torch

from erda.backbones.patches import cut_patches


def slow_patches(order, counts, size):
    """The voxels that each voxel attends to."""
    members, begin = {}, 0
    for count in counts:
        scan = order[begin:begin + count].tolist()
        for start in range(0, count, size):
            patch = scan[start:start + size]
            attended = scan[max(0, count - size):] if len(patch) < size else patch
            members.update({voxel: sorted(attended) for voxel in patch})
        begin += count
    return members


@pytest.mark.parametrize('counts', [[1], [3], [4], [5], [8], [11], [11, 3, 4, 9], [2, 17, 2, 1], [5, 0, 3]])
def test_against_slow_reference(counts):
    order = torch.randperm(sum(counts), generator=torch.Generator().manual_seed(0))
    patches = cut_patches(order, counts, size=4)
    assert len(patches.voxels) == sum(number * length for number, length in patches.shapes)
    expected = slow_patches(order, counts, size=4)
    patch_of_place = [patch for voxels, (number, length) in zip(
        patches.voxels.split([p * n for p, n in patches.shapes]), patches.shapes)
        for patch in voxels.view(number, length).tolist() for _ in range(length)]
    for voxel, place in enumerate(patches.places.tolist()):
        assert patches.voxels[place] == voxel
        assert sorted(patch_of_place[place]) == expected[voxel]


def test_patches_of_one_length_are_computed_together():
    assert cut_patches(torch.arange(24), [9, 2, 11, 2], size=4).shapes == [(6, 4), (2, 2)]
