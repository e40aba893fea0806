import csv

import numpy as np

from erda.clouds.cloud_files import read_point_cloud
from erda.weak_labels.click_labels import read_clicks, resolve_clicks
from erda.weak_labels.point_suggestion import join
from erda.weak_labels.suggestion_files import write_suggestions


def test_the_table_comes_back_as_clicks_and_the_clouds_as_clouds(tmp_path):
    xyz = np.random.default_rng(0).uniform(0, 9, (6, 3)).round(3) + [512_345.123, 5_000_000.5, -3]
    points = join([(xyz[:4], np.array([5, 2, 0, 1])), (xyz[4:], np.array([7, 70_000_000]))])
    table, *clouds = write_suggestions(tmp_path / 'out', points, ['a.las', 'deep/b.las'])
    assert [path.name for path in clouds] == ['a.las.suggested.ply', 'deep_b.las.suggested.ply']
    assert not list((tmp_path / 'out').glob('*.part'))
    cloud = read_point_cloud(clouds[1])
    np.testing.assert_array_equal(cloud.xyz, xyz[4:])
    assert cloud.fields['index'].tolist() == [7, 70_000_000] and cloud.fields['red'].dtype == np.uint8

    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 6 and {row['class'] for row in rows} == {''}
    for row in rows[:5]:
        row['class'] = 'tree'
    with table.open('w', newline='') as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    clicks = read_clicks(table, ['ground', 'tree'])
    assert [click.file for click in clicks] == ['a.las'] * 4 + ['deep/b.las']
    whole = np.zeros((6, 3))
    whole[[5, 2, 0, 1]] = xyz[:4]
    assert resolve_clicks(clicks[:4], whole, 0.01).points.tolist() == [5, 2, 0, 1]
