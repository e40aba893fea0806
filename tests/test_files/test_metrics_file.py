import json
import math

from erda.files.metrics_file import read_confusion, read_metrics, read_your_clouds, write_metrics


def test_round_trip(tmp_path):
    path = tmp_path / 'new' / 'metrics.json'
    write_metrics(path, dict(car=0.25, bus=math.nan), 'c.py', 'x.pth')
    assert json.loads(path.read_text()) == dict(config='c.py', checkpoint='x.pth', metrics=dict(car=0.25, bus=None))
    metrics = read_metrics(path)
    assert metrics['car'] == 0.25 and math.isnan(metrics['bus'])
    assert [p.name for p in path.parent.iterdir()] == ['metrics.json']


def test_confusion(tmp_path):
    write_metrics(tmp_path / 'old.json', dict(car=0.25), 'c.py', 'x.pth')
    write_metrics(tmp_path / 'new.json', dict(car=0.25), 'c.py', 'x.pth', confusion=[[1, 3]])
    assert read_confusion(tmp_path / 'old.json') == [] and read_confusion(tmp_path / 'new.json') == [[1, 3]]


def test_your_clouds(tmp_path):
    for name, details, expected in (('old', {}, []), ('not asked for', dict(your_clouds=None), []),
                                    ('none', dict(your_clouds=dict(left_out='training saw every label')), []),
                                    ('some', dict(your_clouds=dict(confusion=[[1, 3]])), [[1, 3]])):
        write_metrics(tmp_path / name, dict(car=0.25), 'c.py', 'x.pth', **details)
        assert read_your_clouds(tmp_path / name) == expected
