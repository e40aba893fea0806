import numpy as np
import pytest

from erda.weak_labels import BUDGETS, UNLABELED, Scan, WholeFile, scan_rng
from erda.weak_labels.spread_budget import spread_points

K = 3
RNG = np.random.default_rng(0)
PLANE = np.column_stack([RNG.uniform(0, 20, (900, 2)), RNG.uniform(0, 0.1, 900)])
LABELS = RNG.integers(0, K + 1, 900)  # K is void


def weaken(num_points, seed=1, points=PLANE, labels=LABELS, **kwargs):
    scan = Scan('data/a.bin', scan_rng('a.bin', seed), points=points.astype(np.float32), **kwargs)
    return BUDGETS.build(dict(type='SpreadBudget', num_points=num_points)).weaken(labels, K, scan)


def seen(labels):
    return set(np.flatnonzero((labels >= 0) & (labels < K)).tolist())


def test_each_point_is_the_one_farthest_from_those_before():
    """A slow furthest point sampling from the same first point over one point of each voxel."""
    rows = spread_points(lambda: [PLANE], 12, voxel_size=0.2, seed=5)
    _, first = np.unique(np.floor(PLANE / 0.2), axis=0, return_index=True)
    candidates = np.sort(first)
    chosen = [rows[0]]
    while len(chosen) < 12:
        gaps = [min(np.linalg.norm(PLANE[row] - PLANE[other]) for other in chosen) for row in candidates]
        chosen.append(candidates[int(np.argmax(gaps))])
    assert rows.tolist() == chosen


def test_labels_are_those_of_the_points_and_fewer_are_among_more():
    labels = weaken(40)
    assert set(labels[LABELS == K]) == {K} and 20 < len(seen(labels)) < 40, 'void was chosen, too, and shows no label'
    assert all(labels[row] == LABELS[row] for row in seen(labels))
    assert (labels[~np.isin(np.arange(900), [*seen(labels)]) & (LABELS < K)] == UNLABELED).all()
    assert seen(weaken(20)) < seen(labels)


def test_the_choice_depends_on_place_and_seed_alone():
    other_labels = (LABELS + 1) % (K + 1)
    both_known = (LABELS < K) & (other_labels < K)
    first, second = ({row for row in seen(weaken(60, labels=x)) if both_known[row]} for x in (LABELS, other_labels))
    assert first == second and first
    assert seen(weaken(60)) == seen(weaken(60)) != seen(weaken(60, seed=2))


def test_blocks_of_a_file_share_its_points():
    whole = seen(weaken(30))
    shown = set()
    for part in (np.arange(500), np.arange(400, 900)):  # they overlap
        file = WholeFile('data/a.bin', part, lambda: iter([PLANE[:300], PLANE[300:]]), scan_rng('a.bin', 1))
        labels = weaken(30, points=PLANE[part], labels=LABELS[part], file=file)
        assert {int(part[row]) for row in seen(labels)} == {row for row in whole if row in part}
        shown |= {int(part[row]) for row in seen(labels)}
    assert shown == seen(weaken(30)) and shown


def test_a_point_that_floats_alone_is_left_out():
    points = np.vstack([PLANE, [[10, 10, 50]]])
    assert 900 not in spread_points(lambda: [points], 12, 0.2, 0)
    assert sorted(spread_points(lambda: [points[-1:]], 12, 0.2, 0)) == [0], 'fewer than were asked for'


@pytest.mark.parametrize('arguments', [dict(num_points=0), dict(num_points=5, voxel_size=0)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match='SpreadBudget: num_points'):
        BUDGETS.build(dict(type='SpreadBudget', **arguments))


def test_points_are_needed():
    with pytest.raises(ValueError, match='load them before the labels'):
        BUDGETS.build(dict(type='SpreadBudget', num_points=5)).weaken(LABELS, K, Scan('a', scan_rng('a', 0)))
