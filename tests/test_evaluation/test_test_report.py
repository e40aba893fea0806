import json
import math

import numpy as np
import pytest
from mmengine.config import Config

from erda.evaluation.test_report import (
    CheckpointResult,
    YourClouds,
    as_report,
    as_screen_table,
    by_job,
    checkpoint_rows,
    class_rows,
    config_sha256,
    short_names,
    write_report,
)
from erda.evaluation.trained_labels import CountedLabels, TrainedLabels
from erda.files.metrics_file import read_metrics

LABELS = TrainedLabels('the training config in the checkpoint', '1%', dict(type='RatioBudget', ratio=0.01), 3,
                       CountedLabels(12.4, 100, 900))
CONFUSION = np.array([[3, 1, 0, 0], [0, 4, 1, 1], [0, 0, 0, 0]])  # 10 points; the last class does not occur


def result(name='ERDA', confusion=CONFUSION, labels=LABELS):
    return CheckpointResult(name, f'runs/{name}/last.pth', 'ab' * 32, 'c.py', 'cd' * 32, ['car', 'road', 'bus'], 3,
                            confusion, 7, False, labels)


def test_class_rows():
    assert class_rows(result()) == [
        ['', 'IoU', 'accuracy', 'points'],
        ['car', '75.0', '75.0', '4'],
        ['road', '57.1', '66.7', '6'],
        ['bus', '-', '-', '0'],
        ['mIoU of 2', '66.1', '', ''],
        ['overall accuracy', '', '70.0', '10'],
    ]


def test_checkpoint_rows():
    better = np.array([[4, 0, 0, 0], [0, 6, 0, 0], [0, 0, 0, 0]])
    rows = checkpoint_rows([result(), result('full', better, TrainedLabels('somewhere', 'all'))])
    assert rows[:4] == [['', 'ERDA', 'full'], ['labels', '1%', 'all'], ['label seed', '3', ''],
                        ['labels per scan', '12', '']]
    assert rows[4:] == [['car', '75.0', '100.0'], ['road', '57.1', '100.0'], ['bus', '-', '-'],
                        ['mIoU of 2', '66.1', '100.0'], ['overall accuracy', '70.0', '100.0']]


def test_report_says_where_the_numbers_come_from():
    text = as_report([result()], 'python tools/test.py c.py')
    assert '| car | 75.0 | 75.0 | 4 |' in text and '`python tools/test.py c.py`' in text and '7 scans' in text
    assert 'runs/ERDA/last.pth (sha256 abababababab)' in text
    assert '1%, label seed 3, 12 per scan (mean of 100 of 900 training scans)' in text
    assert 'the training config in the checkpoint' in text
    assert 'without bus' in text and 'as 0: 44.0' in text  # SegMetric's mean of three


@pytest.mark.parametrize('number', [1, 2])
def test_screen_table_has_all_rows(number):
    results = [result(), result('full')][:number]
    rows = class_rows(results[0]) if number == 1 else checkpoint_rows(results)
    assert as_screen_table(results).row_count == len(rows) - 1


def test_files_of_one_checkpoint(tmp_path):
    write_report(tmp_path / 'new', [result()], 'command')
    content = json.loads((tmp_path / 'new/metrics.json').read_text())
    assert content['config'] == 'c.py' and content['checkpoint'] == 'runs/ERDA/last.pth'
    assert content['classes']['road'] == dict(iou=0.571429, accuracy=0.666667, support=6)
    assert content['classes']['bus'] == dict(iou=0.0, accuracy=None, support=0)
    assert content['confusion'] == CONFUSION.tolist() and content['miou_of_occurring'] == 0.660714
    assert content['labels']['budget'] == dict(type='RatioBudget', ratio=0.01) and content['labels']['seed'] == 3
    assert content['labels']['count'] == dict(per_scan=12.4, counted=100, scans=900)
    assert content['checkpoint_sha256'] == 'ab' * 32 and content['config_sha256'] == 'cd' * 32
    assert {'python', 'torch', 'mmdet3d'} <= content['versions'].keys() and content['command'] == 'command'
    metrics = read_metrics(tmp_path / 'new/metrics.json')
    assert list(metrics) == ['car', 'road', 'bus', 'miou', 'acc', 'acc_cls'] and metrics['acc'] == 0.7
    assert (tmp_path / 'new/metrics.md').read_text() == as_report([result()], 'command')
    assert sorted(path.name for path in (tmp_path / 'new').iterdir()) == ['metrics.json', 'metrics.md']


def test_files_of_several_checkpoints(tmp_path):
    results = [result('a/ERDA'), result('full')]
    write_report(tmp_path, results, 'command')
    assert (tmp_path / 'metrics.md').read_text() == as_report(results, 'command')
    assert read_metrics(tmp_path / 'a_ERDA/metrics.json')['acc'] == read_metrics(tmp_path / 'full/metrics.json')['acc']
    assert not (tmp_path / 'metrics.json').exists()


def test_nothing_to_count(tmp_path):
    """All points are void: no number, and still valid JSON."""
    nothing = result(confusion=np.zeros((3, 4), dtype=int))
    assert class_rows(nothing)[-2:] == [['mIoU of 0', '-', '', ''], ['overall accuracy', '', '-', '0']]
    write_report(tmp_path, [nothing], 'command')
    assert math.isnan(read_metrics(tmp_path / 'metrics.json')['miou'])


@pytest.mark.parametrize('checkpoints, names', [
    (['runs/x/iter_2000.pth'], ['iter_2000']),
    (['runs/full/iter_2000.pth', 'runs/ERDA/iter_2000.pth'], ['full', 'ERDA']),
    (['runs/iter_1.pth', 'runs/iter_2.pth'], ['iter_1', 'iter_2']),
    (['a/s0/x/i.pth', 'b/s1/x/i.pth'], ['a/s0', 'b/s1']),
    (['a.pth', 'runs/a.pth'], ['a', 'runs/a']),
    (['x.pth', 'x.safetensors'], ['x.pth', 'x.safetensors']),
    (['erda://one', 'erda://two'], ['one', 'two']),
])
def test_short_names(checkpoints, names):
    assert short_names(checkpoints) == names


def test_the_same_checkpoint_twice():
    with pytest.raises(ValueError, match='twice'):
        short_names(['a.pth', 'a.pth'])


def test_config_sha256_is_of_what_is_run():
    cfg = Config(dict(model=dict(type='A', mapping={0: 1}), work_dir='a', launcher='none'))
    assert config_sha256(cfg) == config_sha256(Config(dict(cfg.to_dict(), work_dir='b', launcher='slurm')))
    assert config_sha256(cfg) != config_sha256(Config(dict(cfg.to_dict(), model=dict(type='B'))))


def test_your_clouds_and_new_scenes(tmp_path):
    hidden = YourClouds(np.array([[9, 1, 0, 0], [0, 10, 0, 0], [0, 0, 0, 0]]), 5)
    weak, full = result()._replace(your_clouds=hidden), result('full')._replace(your_clouds='training saw every label')
    jobs = by_job([weak, full])
    assert [[x.name for x in of_job] for of_job in jobs.values()] == [['ERDA', 'full'], ['ERDA']]
    text = as_report([weak, full], 'command')
    new, clouds = text.split('**Your clouds**')
    assert '| overall accuracy | 70.0 | 70.0 |' in new and '| overall accuracy | 95.0 |' in clouds
    assert '5 training scans on hidden labels (your clouds), 7 test scans (new scenes)' in clouds
    assert 'full: your clouds are left out: training saw every label.' in clouds
    write_report(tmp_path, [weak, full], 'command')
    content = json.loads((tmp_path / 'ERDA/metrics.json').read_text())
    assert content['your_clouds'] == dict(miou_of_occurring=0.904545, accuracy=0.95, scans=5, iou=dict(
        car=0.9, road=0.909091, bus=None), confusion=hidden.confusion.tolist(),
        prior_exponent=0.0)
    assert content['confusion'] == CONFUSION.tolist()
    assert json.loads((tmp_path / 'full/metrics.json').read_text())['your_clouds'] == dict(
        left_out='training saw every label')
