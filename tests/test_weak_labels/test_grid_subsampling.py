import numpy as np

from erda.weak_labels import grid_subsample, voxel_coors, voxel_keys

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (2000, 3)).astype(np.float32)


def test_first_point_of_every_voxel():
    first = {}
    for i, point in enumerate(POINTS.astype(float)):
        first.setdefault(tuple(np.floor(point / 0.1).astype(int)), i)
    assert grid_subsample(POINTS, 0.1).tolist() == sorted(first.values())


def test_corners_and_centres_at_the_origin():
    edges = [0.1, 0.2, 0.5]
    assert np.array_equal(voxel_coors(POINTS, edges), np.floor(POINTS.astype(float) / edges))
    assert np.array_equal(voxel_coors(POINTS, edges, centred=True), np.rint(POINTS.astype(float) / edges))


def test_keys_are_shared_in_a_voxel_alone():
    coors = voxel_coors(POINTS, [0.1, 0.2, 0.5])
    keys = voxel_keys(coors)
    assert len(np.unique(keys)) == len(np.unique(coors, axis=0)) == len(np.unique(np.c_[keys, coors], axis=0))


def test_no_points():
    assert len(grid_subsample(np.zeros((0, 3)), 0.1)) == len(voxel_keys(np.zeros((0, 3), dtype=np.int64))) == 0
