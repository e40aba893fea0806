import numpy as np
import pytest

from erda.weak_labels.surface_graph import (
    choose_voxel_size,
    local_shape,
    scaled_intensity,
    smoothed,
    surface_graph,
)


def cloud(count=300, size=2, seed=0):
    return np.random.default_rng(seed).uniform(0, size, (count, 3))


def edges(graph):
    return {(voxel, int(end)): cost for voxel, (ends, costs) in enumerate(zip(graph.neighbours, graph.cost))
            for end, cost in zip(ends, costs)}


@pytest.mark.parametrize('with_intensity', [False, True])
def test_edges_equal_a_slow_loop(with_intensity):
    xyz, intensity = cloud(), np.random.default_rng(1).random(300)
    graph = surface_graph(xyz + [500_000, 5_000_000, 90], intensity if with_intensity else None, 0.5)
    coors = np.floor((xyz + [500_000, 5_000_000, 90]) / 0.5)
    names = sorted(set(map(tuple, coors)))
    assert graph.voxel.tolist() == [names.index(tuple(row)) for row in coors]
    means = np.array([xyz[graph.voxel == voxel].mean(axis=0) for voxel in range(len(names))])
    lights = [intensity[graph.voxel == voxel].mean() if with_intensity else 0 for voxel in range(len(names))]
    normals, shapes = [], []
    for place in means:
        around = means[np.argsort(np.linalg.norm(means - place, axis=1))[:16]]
        spread, axes = np.linalg.svd(around - around.mean(axis=0))[1:]
        normals.append(axes[2])
        shapes.append(np.array([spread[0] - spread[1], spread[1] - spread[2], spread[2]]) / spread[0])
    for voxel, place in enumerate(means):
        nearest = np.argsort(np.linalg.norm(means - place, axis=1))[1:11]
        assert sorted(graph.neighbours[voxel]) == sorted(nearest)
        for end, cost in zip(graph.neighbours[voxel], graph.cost[voxel]):
            expected = np.linalg.norm(means[end] - place) * (
                1 + 10 * (1 - abs(normals[voxel] @ normals[end])) + 2 * abs(shapes[voxel] - shapes[end]).sum()
                + 5 * abs(lights[voxel] - lights[end]) + 5 * abs(place[2] - means[end][2]))
            assert np.isclose(cost, expected, rtol=1e-5)


def test_a_line_has_no_normal_and_is_linear():
    line = np.stack([np.arange(20.), np.zeros(20), np.zeros(20)], axis=1)
    shape = local_shape(line, np.tile(np.arange(16), (20, 1)))
    assert not shape.normals.any()
    np.testing.assert_allclose(shape.features, [[1, 0, 0]] * 20, atol=1e-6)


@pytest.mark.parametrize('count', [0, 1, 2, 5])
def test_few_points(count):
    graph = surface_graph(cloud(count), voxel_size=0.01)
    assert graph.neighbours.shape == graph.cost.shape == (count, max(count - 1, 0))
    assert np.isfinite(graph.cost).all() and (graph.cost > 0).all()


def test_many_points_in_one_place_are_one_voxel():
    graph = surface_graph(np.ones((50, 3)))
    assert graph.voxel.tolist() == [0] * 50 and graph.cost.shape == (1, 0)


def test_detail_follows_the_spacing():
    assert choose_voxel_size(cloud(5000, 0.9)) == 0.1  # 7 points in a voxel
    assert choose_voxel_size(cloud(5000, 5)) == 0.3


def test_intensity_that_says_nothing():
    assert scaled_intensity(np.ones(3), 0) is None
    assert scaled_intensity(np.array([np.nan, 30, 90]), 60).tolist() == [0, 0.5, 1]


def test_smoothing_equals_a_slow_loop_and_keeps_the_sum():
    graph, values = surface_graph(cloud(), voxel_size=0.5), np.random.default_rng(2).random((300, 3))
    values /= values.sum(axis=1, keepdims=True)
    result = smoothed(graph, values, 0.4, 2)
    weights = np.eye(len(graph.cost))
    for (start, end), cost in edges(graph).items():
        weights[start, end] = weights[end, start] = np.exp(-cost / 0.4)
    weights /= weights.sum(axis=1, keepdims=True)
    means = np.array([values[graph.voxel == voxel].mean(axis=0) for voxel in range(len(graph.cost))])
    np.testing.assert_allclose(result, (weights @ weights @ means)[graph.voxel])
    np.testing.assert_allclose(result.sum(axis=1), 1)
    assert smoothed(graph, values.astype(np.float32)).dtype == np.float32
