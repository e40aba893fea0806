import heapq

import numpy as np
import pytest

from erda.weak_labels import UNLABELED
from erda.weak_labels.label_propagation import (
    NearestLabels,
    Paths,
    PropagatedLabels,
    calibrate,
    cheapest_paths,
    nearest_labels,
    propagate_labels,
    weighted_by_prior,
)
from erda.weak_labels.surface_graph import surface_graph

VOID = 3


def cloud(count=400, seed=0):
    return np.random.default_rng(seed).uniform(0, 3, (count, 3))


def few_labels(count=400, labels=40, classes=3, seed=0):
    rng, result = np.random.default_rng(seed), np.full(count, UNLABELED)
    result[rng.choice(count, labels, replace=False)] = rng.integers(0, classes, labels)
    return result


def wall():
    """A wall of 2 x 2 m with a point every 0.1 m."""
    across, up = np.meshgrid(np.arange(0.05, 2, 0.1), np.arange(0.05, 2, 0.1))
    return np.stack([across.ravel(), np.zeros(400), up.ravel()], axis=1)


def labels_at(xyz, places):
    """A label of its own for the point nearest to each place."""
    labels = np.full(len(xyz), UNLABELED)
    for label, place in enumerate(places):
        labels[np.argmin(np.linalg.norm(xyz - place, axis=1))] = label
    return labels


def slow_paths(graph, begin):
    """Cost and source of the cheapest path to each voxel from {voxel: (cost, source)}."""
    ways = [{} for _ in graph.cost]
    for voxel, (ends, costs) in enumerate(zip(graph.neighbours.tolist(), graph.cost)):
        for end, cost in zip(ends, costs):
            ways[voxel][end] = ways[end][voxel] = cost
    heap, found = [(cost, source, voxel) for voxel, (cost, source) in begin.items()], {}
    heapq.heapify(heap)
    while heap:
        cost, source, voxel = heapq.heappop(heap)
        if voxel not in found:
            found[voxel] = cost, source
            for end, more in ways[voxel].items():
                heapq.heappush(heap, (cost + more, source, end))
    return found, ways


def known_at(begin, graph):
    """The same as paths to points."""
    known = Paths(np.full(len(graph.voxel), -1), np.full(len(graph.voxel), np.inf))
    for voxel, (cost, source) in begin.items():
        point = np.flatnonzero(graph.voxel == voxel)[0]
        known.source[point], known.cost[point] = source, cost
    return known


@pytest.mark.parametrize('begin', [{3: (0, 0), 90: (0, 1), 170: (0, 2)}, {3: (0.7, 5), 90: (0, 2), 91: (9, 8)}])
def test_paths_equal_a_slow_search(begin):
    graph = surface_graph(cloud(), voxel_size=0.4)
    paths = cheapest_paths(graph, known_at(begin, graph))
    found, _ = slow_paths(graph, begin)
    assert len(found) == len(graph.cost)
    np.testing.assert_allclose(paths.cost, [found[voxel][0] for voxel in range(len(found))])
    assert paths.source.tolist() == [found[voxel][1] for voxel in range(len(found))]


def test_nearest_labels_equal_a_slow_search_from_each():
    graph = surface_graph(cloud(), voxel_size=0.4)
    begin = {voxel: (0, number) for number, voxel in enumerate(range(4, 200, 20))}
    nearest = nearest_labels(graph, cheapest_paths(graph, known_at(begin, graph)))
    assert nearest.source.tolist() == list(range(10))
    for voxel, (_, number) in begin.items():
        found, _ = slow_paths(graph, {voxel: (0, number)})
        costs = {other: found[place][0] for place, (_, other) in begin.items() if place != voxel}
        assert nearest.other[number] == min(costs, key=costs.get)
        assert np.isclose(nearest.cost[number], min(costs.values()))


def test_labels_stop_at_the_edge_of_two_walls():
    xyz = np.concatenate([wall(), wall()[:, [1, 0, 2]]])  # the first along x, the second along y
    truth, places = np.repeat([0, 1], 400), np.array([[0.5, 0, 1], [0, 1.2, 1]])
    result = propagate_labels(xyz, labels_at(xyz, places), 2, voxel_size=0.1)
    by_straight_lines = np.linalg.norm(xyz[:, None] - places, axis=2).argmin(axis=1)
    assert (xyz[by_straight_lines != truth][:, 1] > 0.3).any()
    assert (xyz[result.label != truth][:, 1] < 0.1).all(), 'all but those next to the edge are right'


def test_hidden_labels_and_void_cannot_matter():
    xyz, seen = cloud(), few_labels()
    void = np.random.default_rng(5).random(400) < 0.3
    result = propagate_labels(xyz, seen, 3, voxel_size=0.4)
    with_void = propagate_labels(xyz, np.where((seen == UNLABELED) & void, VOID, seen), 3, voxel_size=0.4)
    marked = propagate_labels(xyz, np.where(seen == UNLABELED, -2 - np.arange(400) % 3, seen), 3, voxel_size=0.4)
    for other in (with_void, marked):
        for values, others in zip(result[:3], other[:3]):
            assert values.tobytes() == others.tobytes()


def test_the_same_bits_each_time():
    xyz, labels = np.concatenate([cloud(), cloud()]), np.concatenate([few_labels(), few_labels()])
    intensity = np.random.default_rng(3).random(800)
    first, second = (propagate_labels(xyz, labels.copy(), 3, intensity.copy()) for _ in range(2))
    assert [values.tobytes() for values in first[:3]] == [values.tobytes() for values in second[:3]]


def test_labelled_points_keep_their_labels_although_they_share_a_voxel():
    xyz, labels = cloud(), few_labels()
    xyz[1], labels[:2] = xyz[0], [0, 1]
    result = propagate_labels(xyz, labels, 3, voxel_size=0.4)
    seen = labels >= 0
    assert result.label[seen].tolist() == labels[seen].tolist()
    assert (result.confidence[seen] == 1).all() and not result.cost[seen].any()
    assert (result.confidence[~seen] < 1).all()


def test_a_piece_that_no_path_reaches():
    near, far = cloud(), cloud(100, 1) + [500, 0, 0]
    result = propagate_labels(np.concatenate([near, far]), np.append(few_labels(), np.full(100, UNLABELED)), 3)
    assert (result.label[:400] >= 0).all() and (result.label[400:] == UNLABELED).all()
    assert not result.confidence[400:].any() and np.isinf(result.cost[400:]).all()
    assert result.remarks == ('100 points are on pieces without a label, which no path reaches.', )


@pytest.mark.parametrize('labels, remark', [
    (np.full(400, UNLABELED), 'No point is labelled'), (np.full(400, VOID), 'No point is labelled'),
    (np.where(np.arange(400) < 5, 1, UNLABELED), 'All labels are of one class')])
def test_without_two_classes_nothing_is_told(labels, remark):
    result = propagate_labels(cloud(), labels, 3)
    seen = (labels >= 0) & (labels < 3)
    assert (result.label[~seen] == UNLABELED).all() and not result.confidence[~seen].any()
    assert (result.label[seen] == 1).all()
    assert len(result.remarks) == 1 and result.remarks[0].startswith(remark)


def test_labels_that_never_meet_have_no_confidence():
    labels = np.full(800, UNLABELED)
    labels[[0, 400]] = 0, 1
    result = propagate_labels(np.concatenate([cloud(), cloud() + [500, 0, 0]]), labels, 2)
    assert result.label.tolist() == [0] * 400 + [1] * 400
    assert result.confidence.sum() == 2 and 'no confidence is known' in result.remarks[0]


@pytest.mark.parametrize('count', [0, 1, 3])
def test_few_points(count):
    result = propagate_labels(np.zeros((count, 3)), np.arange(count) % 2, 2)
    assert result.label.tolist() == [0, 1, 0][:count]


def test_intensity_tells_two_halves_of_a_wall_apart():
    xyz = wall()
    bright = (xyz[:, 0] > 1).astype(float)
    labels = labels_at(xyz, [[0.7, 0, 1], [1.7, 0, 1]])
    dark_too, told = (propagate_labels(xyz, labels, 2, intensity, 0.1).label for intensity in (None, bright))
    assert (dark_too == bright).mean() < 0.95 and (told == bright).all()


def test_calibration_is_the_share_that_agrees_and_falls():
    agrees = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    nearest = NearestLabels(np.arange(8), np.where(agrees, 8, 9), np.arange(8.) + 1)
    calibration = calibrate(nearest, np.append(np.zeros(9, int), 1))
    # Steps of 3 of 3, 1 of 2 and 0 of 3 labels.
    expected = [4 / 5, 4 / 5, 4 / 5, 2 / 4, 2 / 4, 1 / 5, 1 / 5, 1 / 5]
    np.testing.assert_allclose(calibration.of(nearest.cost), expected, rtol=1e-6)
    assert calibration.of(np.array([0, 100, np.inf])).tolist() == pytest.approx([0.8, 0.2, 0])


def test_confidence_is_true_on_average():
    """Labels of random points of a checked plane: what is said is what comes true."""
    rng = np.random.default_rng(0)
    xyz = np.append(rng.uniform(0, 40, (20_000, 2)), np.zeros((20_000, 1)), axis=1)
    truth = (xyz[:, 0] // 8 + xyz[:, 1] // 8).astype(int) % 2
    labels = np.where(rng.random(20_000) < 0.03, truth, UNLABELED)
    result = propagate_labels(xyz, labels, 2)
    hidden, right = labels == UNLABELED, result.label == truth
    assert abs(result.confidence[hidden].mean() - right[hidden].mean()) < 0.02
    unsure = hidden & (result.confidence < np.median(result.confidence))
    assert right[unsure].mean() < right[hidden & ~unsure].mean()


def test_prior_multiplies_probabilities():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [1, 0, 0]], dtype=np.float32)
    prior = PropagatedLabels(np.array([1, UNLABELED, 2, 2]), np.array([0.8, 0, 0.1, 1]), np.zeros(4))
    result = weighted_by_prior(probabilities, prior, 2)
    expected = probabilities[0] * np.array([0.1, 0.8, 0.1]) ** 2
    np.testing.assert_allclose(result[0], expected / expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(result[1:3], probabilities[1:3], rtol=1e-6)
    assert result[3].tolist() == [0, 0, 1], 'a click is certain'
    np.testing.assert_allclose(weighted_by_prior(probabilities, prior, 0), probabilities, 1e-6, 1e-30)
