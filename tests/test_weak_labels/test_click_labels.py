import json

import numpy as np
import pytest
from rich.console import Console

from erda.weak_labels import UNLABELED
from erda.weak_labels.click_labels import (
    Click,
    ClickError,
    click_complaints,
    click_table,
    clicks_of,
    read_clicks,
    resolve_clicks,
)

CLASSES = ('ground', 'tree', 'house')


def write(path, text):
    path.write_text(text)
    return path


def test_csv_by_place_and_by_number(tmp_path):
    path = write(tmp_path / 'a.csv', 'file,x,y,z,class\na.las,1,2,3.5,tree\nsub\\b.las, 4,5,6, 2\n')
    assert read_clicks(path, CLASSES) == [Click('a.las', 1, (1, 2, 3.5), None), Click('sub/b.las', 2, (4, 5, 6), None)]
    path = write(tmp_path / 'b.csv', 'file,index,class\na.las,7,ground\n')
    assert read_clicks(path, CLASSES) == [Click('a.las', 0, None, 7)]


def test_json_equals_csv(tmp_path):
    rows = [dict(file='a.las', x=1, y=2, z=3, **{'class': 'tree'}), dict(file='a.las', index=4, **{'class': 0})]
    path = write(tmp_path / 'a.json', json.dumps(rows))
    assert read_clicks(path, CLASSES) == [Click('a.las', 1, (1, 2, 3), None), Click('a.las', 0, None, 4)]


def test_rows_without_a_class_are_skipped_with_a_note(tmp_path, caplog):
    path = write(tmp_path / 'a.csv', 'file,index,x,y,z,class\na.las,7,1,2,3,ground\na.las,8,1,2,3,\n')
    assert read_clicks(path, CLASSES) == [Click('a.las', 0, (1, 2, 3), 7)]
    assert '1 rows without a class' in caplog.text


@pytest.mark.parametrize('text, message', [
    ('file,index,class\na.las,1,tree\na.las,2,car\n', "line 3: unknown class 'car'; the classes are ground, tree"),
    ('file,index,class\na.las,1,3\n', "line 2: unknown class '3'"),
    ('file,index\na.las,1\n', 'line 2: there is no column class'),
    ('index,class\n1,tree\n', 'line 2: there is no column file'),
    ('file,index,class\n,1,tree\n', 'line 2: no value for file'),
    ('file,x,y,class\na.las,1,1,tree\n', 'line 2: x, y and z belong together'),
    ('file,class\na.las,tree\n', 'line 2: a click needs x, y and z, or index'),
    ('file,x,y,z,class\na.las,1,1,up,tree\n', "line 2: z is 'up', not a number"),
    ('file,x,y,z,class\na.las,1,nan,1,tree\n', "line 2: y is 'nan', not a number"),
    ('file,index,class\na.las,1.5,tree\n', "line 2: index '1.5' is not a whole number"),
    ('file,index,class\n', 'no click at all'),
    ('file,index,class\na.las,1,\n', 'no click at all: fill in'),
    ('', 'no click at all'),
])
def test_errors_name_file_and_line(tmp_path, text, message):
    path = write(tmp_path / 'a.csv', text)
    with pytest.raises(ClickError) as error:
        read_clicks(path, CLASSES)
    assert message in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize('name, text, message', [
    ('a.json', '[{"file": "a", "index": "x", "class": 1}]', "click 1: index is 'x'"),
    ('a.json', '{"file": "a"}', 'a list of objects'), ('a.json', '[', 'Cannot read'), ('a.txt', '', '.csv or .json'),
    ('missing.csv', None, 'Cannot read')])
def test_other_bad_files(tmp_path, name, text, message):
    if text is not None:
        write(tmp_path / name, text)
    with pytest.raises(ClickError, match=message.replace('.', r'\.')):
        read_clicks(tmp_path / name, CLASSES)


def test_clicks_of_a_file_by_its_last_parts(tmp_path):
    clicks = [Click('a.las', 0, None, 0), Click('x/a.las', 0, None, 1), Click('y/a.las', 0, None, 2)]
    assert [click.index for click in clicks_of(clicks, tmp_path / 'x/a.las')] == [0, 1]


def test_resolving_equals_a_slow_search():
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 4, (500, 3)) + [5e5, 5e6, 100]
    clicks = [Click('a', i % 3, tuple(place), None) for i, place in enumerate(rng.uniform(-1, 5, (60, 3)) + xyz.min(0))]
    resolved = resolve_clicks(clicks, xyz, radius=0.3)
    for click, point in zip(clicks, resolved.points):
        distance = np.linalg.norm(xyz - click.xyz, axis=1)
        assert point == (distance.argmin() if distance.min() <= 0.3 else -1)
    assert 0 < len(resolved.missed) == (resolved.points < 0).sum() < 60


def test_what_does_not_hit_or_does_not_agree_labels_nothing():
    xyz = np.array([[0.0, 0, 0], [1, 0, 0], [1.2, 0, 0], [5, 0, 0]])
    clicks = [
        Click('a', 0, (0.1, 0, 0), None), Click('a', 0, (0, 0.2, 0), None),  # the same point, the same class
        Click('a', 1, (1, 0, 0), None), Click('a', 2, (1.2, 0, 0), None),  # two points within the radius
        Click('a', 1, (8, 0, 0), None), Click('a', 1, None, 4),  # nothing there
        Click('a', 1, None, 3), Click('a', 2, None, 3),  # the same point
    ]
    resolved = resolve_clicks(clicks, xyz, radius=0.5)
    assert resolved.labels.tolist() == [0, UNLABELED, UNLABELED, UNLABELED] and resolved.labels.dtype == np.int64
    assert resolved.missed == clicks[4:6]
    assert resolved.disagreeing == [(clicks[2], clicks[3]), (clicks[6], clicks[7])]
    complaints = click_complaints({'a.las': resolved}, CLASSES)
    assert complaints[0] == "a.las: the click 'tree' at (8, 0, 0) hits no point." and len(complaints) == 4
    console = Console(record=True, width=100)
    console.print(click_table({'a.las': resolved}, CLASSES))
    assert 'ground' in (text := console.export_text()) and 'house' not in text


def test_neighbours_by_number_do_not_disagree():
    xyz = np.array([[0.0, 0, 0], [0.01, 0, 0]])
    resolved = resolve_clicks([Click('a', 0, None, 0), Click('a', 1, None, 1)], xyz, radius=0.5)
    assert resolved.labels.tolist() == [0, 1] and not resolved.disagreeing


def test_place_decides_where_the_number_is_of_another_order():
    xyz = np.array([[0.0, 0, 0], [9, 0, 0]])
    assert resolve_clicks([Click('a', 0, (9, 0, 0), 0)], xyz, radius=0.5).points.tolist() == [1]
    assert resolve_clicks([Click('a', 0, (9, 0, 0), 1)], xyz, radius=0.5).points.tolist() == [1]


@pytest.mark.parametrize('radius', [0, -1, float('nan')])
def test_radius_must_be_positive(radius):
    with pytest.raises(ValueError, match='radius'):
        resolve_clicks([], np.zeros((0, 3)), radius)


def test_no_points_and_no_clicks():
    assert resolve_clicks([], np.zeros((3, 3)), 1).labels.tolist() == [UNLABELED] * 3
    assert len(resolve_clicks([Click('a', 0, (0, 0, 0), None)], np.zeros((0, 3)), 1).missed) == 1
