import numpy as np
import pytest
import torch

SIZE = [0.5, 0.25, 1.0]
BOX = [0., -1., -2., 2., 1., 2.]
GRID = (4, 8, 4)


def points(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform([-0.5, -1.5, -2.5, 0], [2.5, 1.5, 2.5, 1], (count, 4)).astype(np.float32))


def slow_voxel(point):
    voxel = [int(np.floor((point[i] - BOX[i]) / SIZE[i])) for i in range(3)]
    return voxel[::-1] if all(0 <= v < g for v, g in zip(voxel, GRID)) else [-1, -1, -1]


def slow_hard(cloud, max_points, max_voxels):
    voxels = {}
    for point in cloud:
        voxel = tuple(slow_voxel(point))
        if -1 in voxel or (voxel not in voxels and len(voxels) == max_voxels):
            continue
        members = voxels.setdefault(voxel, [])
        if len(members) < max_points:
            members.append(point)
    return voxels


def test_dynamic_equals_a_loop(point_ops):
    cloud = points()
    found = point_ops.Voxelization(SIZE, BOX, -1)(cloud)
    assert found.dtype == torch.int32
    assert found.tolist() == [slow_voxel(point) for point in cloud]
    assert (found < 0).any() and (found >= 0).all(1).any()


@pytest.mark.parametrize('deterministic', [True, False])
@pytest.mark.parametrize('max_points, max_voxels', [(3, 1000), (1, 1000), (300, 1000), (3, 20), (1, 1)])
def test_hard_equals_a_loop(point_ops, loop, max_points, max_voxels, deterministic):
    cloud = torch.cat([points(), points()[:40]])  # with duplicates
    layer = point_ops.Voxelization(SIZE, BOX, max_points, max_voxels, deterministic)
    voxels, coors, counts = layer(cloud)
    expected = slow_hard(cloud, max_points, max_voxels)
    assert coors.dtype == counts.dtype == torch.int32
    assert coors.tolist() == [list(voxel) for voxel in expected]
    assert counts.tolist() == [len(members) for members in expected.values()]
    for found, members in zip(voxels, expected.values()):
        assert found[:len(members)].equal(torch.stack(members))
        assert not found[len(members):].any()


def test_other_limit_for_testing(point_ops):
    layer = point_ops.Voxelization(SIZE, BOX, 3, (5, 9))
    assert len(layer(points())[1]) == 5
    assert len(layer.eval()(points())[1]) == 9


def test_borders(point_ops):
    cloud = torch.tensor([[0., -1, -2], [2, 0, 0], [1.9999, 0.9999, 1.9999], [-1e-6, 0, 0], [torch.nan, 0, 0]])
    found = point_ops.Voxelization(SIZE, BOX, -1)(cloud)
    assert found.tolist() == [[0, 0, 0], [-1] * 3, [3, 7, 3], [-1] * 3, [-1] * 3]


def test_half_a_voxel_rounds_up(point_ops):
    layer = point_ops.Voxelization([1., 1, 1], [0., 0, 0, 2.5, 2.5, 2.5], -1)
    assert layer(torch.full((1, 3), 2.9)).tolist() == [[2, 2, 2]]


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64])
def test_other_precision(point_ops, loop, dtype):
    cloud = points().to(dtype)
    voxels, coors, _ = point_ops.Voxelization(SIZE, BOX, 300)(cloud)
    assert voxels.dtype == dtype
    assert coors.tolist() == [list(voxel) for voxel in slow_hard(cloud.double(), 300, 20000)]


def test_other_layout(point_ops, loop):
    cloud = points()
    transposed = cloud.t().contiguous().t()
    for layer in (point_ops.Voxelization(SIZE, BOX, -1), point_ops.Voxelization(SIZE, BOX, 3, 30)):
        torch.testing.assert_close(layer(transposed), layer(cloud))


@pytest.mark.parametrize('cloud', [points(0), points(1) + 100, points()[:1] * 0])
def test_nothing_inside_or_one(point_ops, loop, cloud):
    coors = point_ops.Voxelization(SIZE, BOX, -1)(cloud)
    voxels, hard_coors, counts = point_ops.Voxelization(SIZE, BOX, 3)(cloud)
    inside = int((coors >= 0).all(1).sum())
    assert voxels.shape == (inside, 3, 4) and hard_coors.shape == (inside, 3) and counts.tolist() == [1] * inside
