import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from erda.config import ConfigError
from erda.sampling import GridPyramid, check_grids, grid_pyramid, join_pyramids, pyramids_of_batch

VOXEL_SIZE, RADIUS, NEIGHBORS = 0.1, 0.25, (6, 9, 50)


def cloud(num_points, seed=0):
    return np.random.default_rng(seed).random((num_points, 3)).astype(np.float32)


def pyramid_of(xyz):
    return grid_pyramid(xyz, VOXEL_SIZE, RADIUS, NEIGHBORS)


def slow_neighbors(centers, xyz, radius, count):
    distances = torch.cdist(torch.from_numpy(centers).double(), torch.from_numpy(xyz).double())
    rows = []
    for row in distances:
        near = [i for i in row.argsort().tolist() if row[i] < radius][:count]
        rows.append(near + [-1] * (count - len(near)))
    return rows


def test_levels_point_by_point():
    xyz = cloud(200)
    pyramid = pyramid_of(xyz)
    for level, count in enumerate(NEIGHBORS):
        radius = RADIUS * 2**level
        assert pyramid.neighbors[level].tolist() == slow_neighbors(xyz, xyz, radius, count)
        if level == len(NEIGHBORS) - 1:
            break
        members = {}
        for point in xyz:
            members.setdefault(tuple(np.floor(point.astype(float) / (VOXEL_SIZE * 2**(level + 1)))), []).append(point)
        coarse = pyramid.xyz[level].numpy()
        means = np.array([np.mean(points, axis=0) for points in members.values()])
        np.testing.assert_allclose(np.sort(coarse, axis=0), np.sort(means, axis=0), rtol=1e-5)
        expected = slow_neighbors(coarse, xyz, radius, count)  # two points of a voxel are equally far
        assert [sorted(row) for row in pyramid.pooled[level].tolist()] == [sorted(row) for row in expected]
        distances = np.linalg.norm(xyz[:, None] - coarse, axis=2)
        assert pyramid.nearest[level].tolist() == distances.argmin(axis=1).tolist()
        xyz = coarse
    assert [len(near) for near in pyramid.neighbors][0] == 200 > len(pyramid.xyz[0]) > len(pyramid.xyz[1])


@pytest.mark.parametrize('xyz', [cloud(1), cloud(2), np.repeat(cloud(1), 40, axis=0)])
def test_few_points_and_points_in_one_place(xyz):
    pyramid = pyramid_of(xyz)
    assert [near.shape for near in pyramid.neighbors[:1]] == [(len(xyz), 6)]
    assert all((rows[:, 0] >= 0).all() for rows in (*pyramid.neighbors, *pyramid.pooled))
    assert len(pyramid.xyz[1]) <= len(pyramid.xyz[0]) <= 2


def test_each_point_of_the_next_level_has_a_neighbour_at_the_smallest_radius():
    """The worst case is a voxel with points in opposite corners."""
    corners = np.array([[0.0, 0, 0], [0.199, 0.199, 0.199]])
    assert (grid_pyramid(corners, 0.1, 0.174, (4, 4)).pooled[0][:, 0] >= 0).all()


def test_a_joined_pyramid_leads_to_the_same_points():
    """Scans of different sizes, over the way that a data loader takes."""
    clouds = [cloud(90), cloud(1, seed=3), cloud(40, seed=4)]
    alone = [pyramid_of(xyz) for xyz in clouds]
    joined = join_pyramids(pyramids_of_batch(pseudo_collate([dict(pyramid=pyramid) for pyramid in alone])['pyramid']))
    assert isinstance(joined, GridPyramid)

    def found(xyz, rows):
        return np.where((rows < 0)[..., None], np.nan, xyz[rows])

    scans = clouds
    for level in range(len(NEIGHBORS)):
        xyz = np.concatenate(scans)
        expected = [found(scan, pyramid.neighbors[level].numpy()) for scan, pyramid in zip(scans, alone)]
        np.testing.assert_array_equal(found(xyz, joined.neighbors[level].numpy()), np.concatenate(expected))
        if level == len(NEIGHBORS) - 1:
            break
        expected = [found(scan, pyramid.pooled[level].numpy()) for scan, pyramid in zip(scans, alone)]
        np.testing.assert_array_equal(found(xyz, joined.pooled[level].numpy()), np.concatenate(expected))
        scans = [pyramid.xyz[level].numpy() for pyramid in alone]
        assert np.array_equal(joined.xyz[level], np.concatenate(scans))
        expected = [scan[pyramid.nearest[level].numpy()] for scan, pyramid in zip(scans, alone)]
        assert np.array_equal(joined.xyz[level][joined.nearest[level]], np.concatenate(expected))


@pytest.mark.parametrize('arguments, message', [
    ((0.04, 0.06, (8, 8)), 'radius=0.06 must be at least 1.74 times'), ((0, 0.1, (8, 8)), 'voxel_size=0'),
    ((0.04, 0.1, (8, )), 'each of two levels'), ((0.04, 0.1, (8, 0)), 'a positive number')])
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        check_grids(*arguments)
