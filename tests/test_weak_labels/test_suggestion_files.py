import csv
from pathlib import Path

import numpy as np

from erda.clouds.click_files import ClickClasses, read_clicks
from erda.clouds.cloud_files import read_point_cloud
from erda.weak_labels.click_labels import resolve_clicks
from erda.weak_labels.point_suggestion import Candidates, join
from erda.weak_labels.suggestion_files import in_order, next_round, round_tables, write_suggestions

CLASSES = ClickClasses(['ground', 'tree'], {2: 0, 5: 1})
CLOUDS = {name: Path(name) for name in ('a.las', 'deep/b.las')}


def suggestions():
    xyz = np.random.default_rng(0).uniform(0, 9, (6, 3)).round(3) + [512_345.123, 5_000_000.5, -3]
    return join([(xyz[:4], np.array([5, 2, 0, 1])), (xyz[4:], np.array([7, 70_000_000]))])


def test_the_table_comes_back_as_clicks_and_the_clouds_as_clouds(tmp_path):
    points = in_order(suggestions())
    table, *clouds = write_suggestions(next_round(tmp_path / 'out'), points, list(CLOUDS), None, CLASSES.described())
    assert table.name == 'round_1.csv'
    assert [path.name for path in clouds] == ['round_1_a.las.suggested.ply', 'round_1_deep_b.las.suggested.ply']
    assert not list((tmp_path / 'out').glob('*.part'))
    cloud = read_point_cloud(clouds[1])
    np.testing.assert_array_equal(cloud.xyz, points.xyz[4:])
    assert cloud.fields['scalar_index'].tolist() == points.index[4:].tolist()
    assert cloud.fields['scalar_number'].tolist() == [5, 6] and cloud.fields['red'].dtype == np.uint8
    assert np.isnan(cloud.fields['scalar_Classification']).all()

    rows = list(csv.DictReader(table.open()))
    assert [row['number'] for row in rows] == list('123456') and {row['class'] for row in rows} == {''}
    assert {row['allowed_classes'] for row in rows} == {'ground (2), tree (5)'}
    for row in rows[:5]:
        row['class'] = 'tree'
    with table.open('w', newline='') as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    clicks = read_clicks([table, *clouds], CLASSES, CLOUDS).clicks
    assert {name: len(of_file) for name, of_file in clicks.items()} == {'a.las': 4, 'deep/b.las': 1}
    whole = np.zeros((6, 3))
    whole[points.index[:4]] = points.xyz[:4]
    resolved = resolve_clicks(clicks['a.las'], whole, 0.01)
    assert sorted(resolved.points) == [0, 1, 2, 5] and (resolved.labels[[0, 1, 2, 5]] == 1).all()


def test_neighbours_follow_each_other():
    rng = np.random.default_rng(0)
    place = rng.permutation(np.repeat(np.arange(8), 10))  # 8 places with 10 points each
    xyz = np.column_stack([100 * (place % 4), 100 * (place // 4), np.zeros(80)]) + rng.random((80, 3))
    points = in_order(Candidates(xyz, np.arange(80), np.zeros(80, dtype=int)))
    assert sorted(points.index) == list(range(80))
    assert all(len(set(place[points.index[start:start + 10]])) == 1 for start in range(0, 80, 10))


def test_rounds_by_number(tmp_path):
    assert next_round(tmp_path / 'coming') == tmp_path / 'coming/round_1.csv'
    for name in ('round_2.csv', 'round_10.csv', 'round_x.csv', 'other.csv', 'round_11_a.las.suggested.ply'):
        (tmp_path / name).write_text('')
    assert [path.name for path in round_tables(tmp_path)] == ['round_2.csv', 'round_10.csv']
    assert next_round(tmp_path).name == 'round_11.csv'
