import numpy as np

from erda.clouds.cloud_files import PointCloud
from erda.labelling.live_propagation import SURE, LivePropagation, share_sure
from erda.labelling.shown_cloud import ShownCloud
from erda.weak_labels.label_propagation import propagate_labels


def shown(xyz):
    cloud = PointCloud(xyz, {})
    return ShownCloud(None, len(xyz), np.arange(len(xyz)), cloud, np.zeros(3), xyz.astype(np.float32), 0.1)


def houses():
    """Land with two roofs, and a few points that no path reaches."""
    rng = np.random.default_rng(0)
    land = rng.uniform([0, 0, 0], [20, 20, 0.05], (2000, 3))
    roofs = [rng.uniform([low, low, 4], [low + 5, low + 5, 4.05], (400, 3)) for low in (2, 12)]
    return np.concatenate([land, *roofs, rng.uniform(500, 500.5, (6, 3))])


def test_it_is_propagation_whatever_was_said_before():
    """Labels that come, go and change class, one or several at a time, as if all were said at once."""
    xyz, rng = houses(), np.random.default_rng(1)
    live, labels, states = LivePropagation(shown(xyz)), {}, 0
    for step in range(20):
        for row in rng.integers(0, len(xyz) - 6, rng.integers(1, 4)).tolist():
            voxels = live.graph.voxel[list(labels)]
            if live.graph.voxel[row] not in voxels:  # of two labels in a voxel either may count
                labels[row] = int(rng.integers(3))
        for row in rng.choice(sorted(labels), min(len(labels) - 1, int(rng.integers(3))), replace=False).tolist():
            if step % 2:
                del labels[row]
            else:
                labels[row] = int(rng.integers(3))
        rows = np.array(sorted(labels))
        everywhere = np.full(len(xyz), -1)
        everywhere[rows] = [labels[row] for row in rows.tolist()]
        expected, result = propagate_labels(xyz, everywhere, 3), live.propagate(rows, everywhere[rows])
        np.testing.assert_allclose(result.cost, expected.cost, rtol=1e-5)
        np.testing.assert_allclose(result.confidence, expected.confidence, atol=1e-6)
        np.testing.assert_array_equal(result.label, expected.label)
        assert result.remarks == expected.remarks
        assert np.isclose(share_sure(result), ((expected.confidence >= SURE) & (expected.label >= 0)).mean())
        states += len(np.unique(result.label))
    assert states > 40  # it was no idle test


def test_nothing_said_and_one_point():
    live = LivePropagation(shown(houses()))
    empty = live.propagate(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    assert (empty.label == -1).all() and 'No point is labelled' in empty.remarks[0]
    assert LivePropagation(shown(np.zeros((1, 3)))).propagate(np.array([0]), np.array([1])).label.tolist() == [1]
