import numpy as np
import pytest
from scipy.spatial import cKDTree

from erda.sampling.regular_sampling import filled_up, least_seen, regular_sample


def slow_sample(xyz, seen, num_points, center):
    """The same from the formula, point by point."""
    squares = [sum((a - b)**2 for a, b in zip(point, center)) for point in xyz]
    rows = sorted(range(len(xyz)), key=lambda row: squares[row])[:num_points]
    reach = max(squares[row] for row in rows)
    for row in rows:
        seen[row] += (1 - (squares[row] / reach if reach else 0))**2
    return rows


@pytest.mark.parametrize('num_points', [1, 20, 500])
def test_samples_are_those_of_a_slow_loop(num_points):
    xyz = np.random.default_rng(0).random((100, 3))
    tree, seen, expected = cKDTree(xyz), np.zeros(100), np.zeros(100)
    for _ in range(5):
        center = least_seen(tree, seen)
        assert regular_sample(tree, seen, num_points, center).tolist() == slow_sample(xyz, expected, num_points, center)
        np.testing.assert_allclose(seen, expected)


def test_points_that_lie_on_each_other_are_all_in_the_middle():
    seen = np.zeros(10)
    regular_sample(cKDTree(np.ones((10, 3))), seen, 4, np.ones(3))
    assert sorted(seen) == [0] * 6 + [1] * 4


def test_a_scan_is_seen_evenly():
    """Samples that begin where least was seen leave nothing out, while as many at random do."""
    xyz = np.random.default_rng(0).random((2000, 3)) * [10, 5, 1]
    tree, seen, rng = cKDTree(xyz), np.zeros(2000), np.random.default_rng(1)
    random = seen.copy()
    for _ in range(60):
        regular_sample(tree, seen, 200, least_seen(tree, seen))
        regular_sample(tree, random, 200, xyz[rng.integers(2000)])
    assert random.min() < 0.02 < 0.5 < seen.min()


def test_filling_up_takes_every_row_first():
    rows = filled_up(np.array([3, 5, 8]), 7, np.random.default_rng(0))
    assert rows[:3].tolist() == [3, 5, 8] and len(rows) == 7 and set(rows) == {3, 5, 8}
    assert filled_up(np.array([3, 5]), 2, np.random.default_rng(0)).tolist() == [3, 5]
