import numpy as np
import pytest
import torch
from lattice_points import lattice, squares


def block_of_threads(points, sampled, threads, distances_from=None):
    """mmcv's CUDA kernel for one cloud, thread by thread."""
    rows, nearest = [0], np.full(len(points), 1e10)
    while len(rows) < sampled:
        nearest = np.minimum(nearest, distances_from(rows[-1]) if distances_from else squares(points[rows[-1]], points))
        best = []
        for thread in range(threads):
            own = range(thread, len(points), threads)
            best.append(max(own, key=lambda row: nearest[row]))  # max returns the first of equals
        while len(best) > 1:
            half = len(best) // 2
            best = [b if nearest[b] > nearest[a] else a for a, b in zip(best[:half], best[half:])]
        rows.append(best[0])
    return rows


@pytest.mark.parametrize('points, threads', [(1, 1), (2, 2), (7, 4), (64, 64), (150, 128), (1500, 1024)])
def test_equals_the_cuda_kernel_with_ties(point_ops, loop, points, threads):
    xyz = lattice(points=points, size=6)
    sampled = min(points, 40)
    found = point_ops.furthest_point_sample(torch.from_numpy(xyz), sampled)
    assert found.dtype == torch.int32
    assert found.tolist() == [block_of_threads(cloud, sampled, threads) for cloud in xyz]


def test_equals_a_loop_on_random_points(point_ops, loop):
    torch.manual_seed(0)
    xyz = torch.randn(3, 203, 3)
    expected = [block_of_threads(cloud, 50, 128) for cloud in xyz.double().numpy()]
    assert point_ops.furthest_point_sample(xyz, 50).tolist() == expected


def test_with_distances_equals_the_cuda_kernel(point_ops):
    xyz = lattice(points=70)
    dist = np.stack([[squares(point, cloud) for point in cloud] for cloud in xyz])
    found = point_ops.furthest_point_sample_with_dist(torch.from_numpy(dist), 30)
    assert found.dtype == torch.int32
    assert found.tolist() == [block_of_threads(d, 30, 64, d.__getitem__) for d in dist]


def test_with_distances_of_its_own(point_ops):
    """Distances need not be symmetric, nor come from coordinates."""
    dist = torch.rand(2, 33, 33)
    found = point_ops.furthest_point_sample_with_dist(dist, 12)
    assert found.tolist() == [block_of_threads(d, 12, 32, d.__getitem__) for d in dist.numpy()]


def test_more_samples_than_different_points(point_ops, loop):
    found = point_ops.furthest_point_sample(torch.ones(2, 5, 3), 8)
    assert not found.any()


@pytest.mark.parametrize('sampled', [0, 1])
def test_few_samples(point_ops, loop, sampled):
    assert point_ops.furthest_point_sample(torch.randn(2, 9, 3), sampled).tolist() == [[0] * sampled] * 2


def test_no_points(point_ops):
    assert point_ops.furthest_point_sample(torch.zeros(0, 4, 3), 2).shape == (0, 2)
    with pytest.raises(ValueError, match='cannot sample 2 points from a cloud without points'):
        point_ops.furthest_point_sample(torch.zeros(1, 0, 3), 2)


def test_points_in_other_layouts_and_with_gradient(point_ops, loop):
    xyz = torch.randn(2, 3, 40).transpose(1, 2)
    expected = point_ops.furthest_point_sample(xyz.contiguous(), 10)
    assert point_ops.furthest_point_sample(xyz, 10).equal(expected)
    found = point_ops.furthest_point_sample(xyz.contiguous().requires_grad_(), 10)
    assert found.equal(expected) and not found.requires_grad


@pytest.mark.parametrize('sampler', ['D-FPS', 'F-FPS', 'FS'])
def test_points_sampler(point_ops, sampler):
    """mmcv's own user of both kernels."""
    xyz, features = torch.randn(2, 40, 3), torch.randn(2, 4, 40)
    rows = point_ops.PointsSampler([10], [sampler], [-1])(xyz, features)
    assert rows.shape == (2, 20 if sampler == 'FS' else 10)
    assert all(len(set(row[:10].tolist())) == 10 for row in rows)
