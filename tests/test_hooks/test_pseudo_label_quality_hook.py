"""What is reported; tests/integration/test_hidden_labels.py proves that it cannot reach the loss."""
import json
import random

import numpy as np
import pytest
import torch
from integration.test_training import MINI, runner_config
from mmengine.runner import Runner

from erda.hooks.pseudo_label_quality_hook import _random_numbers_of

NAMES = ('accuracy', 'miou', 'entropy', 'ece')


def train(root, work_dir, name=MINI, hook=True, **changes):
    cfg = runner_config(root, work_dir, name, **changes)
    if hook:
        cfg.custom_hooks.append(dict(type='PseudoLabelQualityHook', interval=2, num_scans=2))
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def scalars(work_dir):
    path, = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize('name', [MINI, 'projects/ERDA/configs/minkunet_erdaplus_1pct_mini.py'])
def test_both_sides_are_logged_and_the_training_is_the_same(semantickitti, tmp_path, name):
    runner = train(semantickitti, tmp_path / 'with', name)
    reports = [line for line in scalars(tmp_path / 'with') if 'prediction/accuracy' in line]
    assert [line['step'] for line in reports] == [2, 4]
    keys = {f'{side}/{key}' for side in ('prediction', 'pseudo_label') for key in NAMES}
    gaps, ious = {'gap/accuracy', 'gap/miou', 'gap/covered'}, {f'{side}/iou/{name}' for side in (
        'prediction', 'pseudo_label') for name in ('car', 'road', 'sidewalk', 'terrian')}
    assert all(keys | gaps | ious | {'step'} == set(line) for line in reports)
    for line in reports:  # the loss covers all that is hidden
        assert line['gap/covered'] == 1
        for score in ('accuracy', 'miou'):
            expected = line[f'pseudo_label/{score}'] - line[f'prediction/{score}']
            assert line[f'gap/{score}'] == pytest.approx(expected, abs=1e-6)
    log, = (tmp_path / 'with').glob('*/*.log')
    assert 'gap/miou: ' in log.read_text() and '/iou/' not in log.read_text()
    assert all(0 <= line[key] <= (np.log(19) + 1e-5 if 'entropy' in key else 1) for line in reports for key in keys)

    plain = train(semantickitti, tmp_path / 'without', name, hook=False)
    for key, value in plain.model.state_dict().items():
        assert torch.equal(value, runner.model.state_dict()[key]), key


def test_a_head_without_pseudo_labels(semantickitti, tmp_path):
    train(semantickitti, tmp_path, 'configs/minkunet/minkunet_sparse_1pct_mini.py')
    reports = [line for line in scalars(tmp_path) if 'prediction/accuracy' in line]
    assert {key for key in reports[0] if '/iou/' not in key} == {'step', *(f'prediction/{key}' for key in NAMES)}


def test_the_gap_is_where_the_loss_is(semantickitti, tmp_path):
    """One point of each of the two scans."""
    train(semantickitti, tmp_path, **{'model.decode_head.selection': dict(top_n=1)})
    report, _ = (line for line in scalars(tmp_path) if 'prediction/accuracy' in line)
    assert 0 < report['gap/covered'] < 0.002 and report['gap/accuracy'] in (-1, -0.5, 0, 0.5, 1)


def test_full_supervision_hides_nothing(semantickitti, tmp_path):
    full = {'train_dataloader.dataset.budget.ratio': 1.0}
    runner = train(semantickitti, tmp_path / 'with', **full)
    assert not any('prediction/accuracy' in line for line in scalars(tmp_path / 'with'))
    log, = (tmp_path / 'with').glob('*/*.log')
    assert 'No report on hidden labels: the training set (100%) hides none.' in log.read_text()
    for key, value in train(semantickitti, tmp_path / 'without', hook=False, **full).model.state_dict().items():
        assert torch.equal(value, runner.model.state_dict()[key]), key


def test_not_a_weak_dataset(semantickitti, tmp_path):
    cfg = runner_config(semantickitti, tmp_path, custom_hooks=[dict(type='PseudoLabelQualityHook')])
    cfg.train_dataloader.dataset = cfg.train_dataloader.dataset.dataset
    with pytest.raises(ValueError, match='not a WeakLabelDataset'):
        Runner.from_cfg(cfg).train()


def test_random_numbers_are_given_back():

    def draw():
        return random.random(), np.random.rand(), torch.rand(()).item()

    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    expected = [draw(), draw()]
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    first = draw()
    with _random_numbers_of(7):
        inside = draw()
    with _random_numbers_of(7):
        assert draw() == inside
    assert [first, draw()] == expected
