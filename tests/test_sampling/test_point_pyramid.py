import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from erda.sampling import PointPyramid, join_pyramids, point_pyramid, pyramids_of_batch

RATIOS = (4, 2, 2)


def cloud(num_points, seed=0):
    return np.random.default_rng(seed).random((num_points, 3))


def pyramid_of(xyz, num_neighbors=16, ratios=RATIOS, seed=1):
    return point_pyramid(xyz, num_neighbors, ratios, np.random.default_rng(seed))


def test_neighbours_are_those_of_a_full_table_of_distances():
    xyz = torch.from_numpy(cloud(200))
    pyramid = pyramid_of(xyz.numpy())
    assert [len(kept) for kept in pyramid.kept] == [50, 25, 12]
    for neighbors, kept, nearest in zip(*pyramid):
        assert torch.equal(neighbors.long(), torch.cdist(xyz, xyz).argsort(dim=1)[:, :16])
        assert torch.equal(neighbors[:, 0].long(), torch.arange(len(xyz)))
        assert len(set(kept.tolist())) == len(kept)
        assert torch.equal(nearest.long(), torch.cdist(xyz, xyz[kept]).argmin(dim=1))
        xyz = xyz[kept]


def test_what_is_kept_is_random_and_the_same_for_the_same_random_numbers():
    xyz = cloud(200)
    first, same, other = (pyramid_of(xyz, seed=seed).kept[0].tolist() for seed in (1, 1, 2))
    assert first == same != other
    kept = np.concatenate([pyramid_of(xyz, 1, (4, ), seed).kept[0] for seed in range(200)])
    counts = np.bincount(kept, minlength=200)
    assert counts.min() > 20 and counts.max() < 85  # 50 each; 5 standard deviations are 31


@pytest.mark.parametrize('num_points', [1, 2, 7])
def test_the_nearest_fills_up_where_points_are_few(num_points):
    pyramid = pyramid_of(cloud(num_points))
    near = pyramid.neighbors[0]
    assert near.shape == (num_points, 16)
    assert all(len(set(row[:num_points].tolist())) == num_points for row in near)
    assert (near[:, num_points:] == near[:, num_points - 1:num_points]).all()
    assert [len(kept) for kept in pyramid.kept] == [max(num_points // 4, 1), 1, 1]


def test_points_that_lie_on_each_other():
    pyramid = pyramid_of(np.zeros((100, 3)))
    for tables, size in ((pyramid.neighbors[0], 100), (pyramid.kept[0], 100), (pyramid.nearest[0], 25)):
        assert tables.min() >= 0 and tables.max() < size


def test_a_joined_pyramid_leads_to_the_same_points():
    """Scans of different sizes, over the way that a data loader takes."""
    clouds = [cloud(90), cloud(40, seed=3)]
    alone = [pyramid_of(xyz) for xyz in clouds]
    collated = pseudo_collate([dict(pyramid=pyramid) for pyramid in alone])['pyramid']
    joined = join_pyramids(pyramids_of_batch(collated))
    assert isinstance(joined, PointPyramid)
    levels, xyz = clouds, np.concatenate(clouds)
    for level in range(len(RATIOS)):
        near, kept, nearest = (tables[level] for tables in joined)
        expected = [level_xyz[pyramid.neighbors[level]] for level_xyz, pyramid in zip(levels, alone)]
        assert np.array_equal(xyz[near], np.concatenate(expected))
        levels = [level_xyz[pyramid.kept[level]] for level_xyz, pyramid in zip(levels, alone)]
        xyz = xyz[kept]
        assert np.array_equal(xyz, np.concatenate(levels))
        expected = [level_xyz[pyramid.nearest[level]] for level_xyz, pyramid in zip(levels, alone)]
        assert np.array_equal(xyz[nearest], np.concatenate(expected))
