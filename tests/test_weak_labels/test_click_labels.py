import io

import numpy as np
import pytest
from rich.console import Console

from erda.weak_labels import UNLABELED
from erda.weak_labels.click_labels import Click, click_complaints, click_table, resolve_clicks

CLASSES = ('ground', 'tree', 'house')


def test_resolving_equals_a_slow_search():
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 4, (500, 3)) + [5e5, 5e6, 100]
    clicks = [Click(i % 3, tuple(place), None) for i, place in enumerate(rng.uniform(-1, 5, (60, 3)) + xyz.min(0))]
    resolved = resolve_clicks(clicks, xyz, radius=0.3)
    for click, point in zip(clicks, resolved.points):
        distance = np.linalg.norm(xyz - click.xyz, axis=1)
        assert point == (distance.argmin() if distance.min() <= 0.3 else -1)
    assert 0 < len(resolved.missed) == (resolved.points < 0).sum() < 60


def test_what_does_not_hit_or_does_not_agree_labels_nothing():
    xyz = np.array([[0.0, 0, 0], [1, 0, 0], [1.2, 0, 0], [5, 0, 0]])
    clicks = [
        Click(0, (0.1, 0, 0), None), Click(0, (0, 0.2, 0), None),  # the same point, the same class
        Click(1, (1, 0, 0), None), Click(2, (1.2, 0, 0), None),  # two points within the radius
        Click(1, (8, 0, 0), None), Click(1, None, 4),  # nothing there
        Click(1, None, 3), Click(2, None, 3),  # the same point
    ]
    resolved = resolve_clicks(clicks, xyz, radius=0.5)
    assert resolved.labels.tolist() == [0, UNLABELED, UNLABELED, UNLABELED] and resolved.labels.dtype == np.int64
    assert resolved.missed == [4, 5] and resolved.disagreeing == [(2, 3), (6, 7)] and not resolved.replaced
    assert click_complaints({'a.las': resolved}, CLASSES) == [
        "a.las: the click 'tree' at (8, 0, 0) hits no point.", "a.las: the click 'tree' at point 4 hits no point.",
        "a.las: the clicks 'tree' at (1, 0, 0) and 'house' at (1.2, 0, 0) disagree; neither is used.",
        "a.las: the clicks 'tree' at point 3 and 'house' at point 3 disagree; neither is used."]


def test_later_rounds_win():
    xyz = np.array([[0.0, 0, 0], [1, 0, 0], [1.2, 0, 0], [5, 0, 0]])
    clicks = [
        Click(1, None, 0, round=1, where='two.csv, line 2'), Click(0, None, 0, where='one.csv, line 2'),
        Click(0, (1, 0, 0), None), Click(1, (1.2, 0, 0), None, round=2),  # two points within the radius
        Click(0, None, 3), Click(1, None, 3, round=1), Click(2, None, 3, round=1),  # the later ones disagree
    ]
    resolved = resolve_clicks(clicks, xyz, radius=0.5)
    assert resolved.labels.tolist() == [1, UNLABELED, 1, UNLABELED]
    assert resolved.replaced == [(1, 0), (2, 3), (4, 5), (4, 6)] and resolved.disagreeing == [(5, 6)]
    assert click_complaints({'a.las': resolved}, CLASSES)[1] == (
        "a.las: the click 'tree' at point 0 (two.csv, line 2) replaces the earlier 'ground' at point 0 (one.csv, line "
        '2).')


def test_table():
    xyz = np.array([[0.0, 0, 0], [1, 0, 0]])
    resolved = dict(a=resolve_clicks([Click(0, None, 0), Click(0, None, 1), Click(2, None, 7)], xyz, 0.5),
                    b=resolve_clicks([Click(0, None, 0), Click(0, None, 1, round=1), Click(1, None, 0, round=1)], xyz,
                                     0.5), c=resolve_clicks([], xyz, 0.5))
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(click_table(resolved, CLASSES, dict(b=5)))
    text = console.export_text()
    lines = [line.replace('│', ' ').split() for line in text.splitlines()]
    # ground, tree, missed, disagreeing, replaced, no class given
    assert ['a', '2', '0', '1', '0', '0', '0'] in lines and ['b', '1', '1', '0', '0', '1', '5'] in lines
    assert ['all', '3', '1', '1', '0', '1', '5'] in lines
    assert 'Classes without a click: house.' in text and 'Files without a click: 1.' in text


def test_neighbours_by_number_do_not_disagree():
    xyz = np.array([[0.0, 0, 0], [0.01, 0, 0]])
    resolved = resolve_clicks([Click(0, None, 0), Click(1, None, 1)], xyz, radius=0.5)
    assert resolved.labels.tolist() == [0, 1] and not resolved.disagreeing


def test_place_decides_where_the_number_is_of_another_order():
    xyz = np.array([[0.0, 0, 0], [9, 0, 0]])
    assert resolve_clicks([Click(0, (9, 0, 0), 0)], xyz, radius=0.5).points.tolist() == [1]
    assert resolve_clicks([Click(0, (9, 0, 0), 1)], xyz, radius=0.5).points.tolist() == [1]


@pytest.mark.parametrize('radius', [0, -1, float('nan')])
def test_radius_must_be_positive(radius):
    with pytest.raises(ValueError, match='radius'):
        resolve_clicks([], np.zeros((0, 3)), radius)


def test_no_points_and_no_clicks():
    assert resolve_clicks([], np.zeros((3, 3)), 1).labels.tolist() == [UNLABELED] * 3
    assert len(resolve_clicks([Click(0, (0, 0, 0), None)], np.zeros((0, 3)), 1).missed) == 1
