"""A training computes nothing from labels that it does not see."""
import itertools

import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmengine.runner import Runner
from tiny_rooms import write_s3dis

from erda.evaluation.training_set import build_training_set
from erda.hooks import PseudoLabelQualityHook
from erda.weak_labels import StoredMasks, write_masks

number = itertools.count()
MINI = 'projects/ERDA/configs/minkunet_erda_1pct_mini.py'
MIXES = 'projects/ERDA/configs/minkunet_erda_1pct.py'
PRIOR = {'model.decode_head.prior_exponent': 0.5, 'train_dataloader.dataset.propagation': dict(intensity_dim=3)}
ROOMS = 'projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py'


def train(name, root, work_dir, **changes):
    """Parameters and buffers after two steps, and how good pseudo-labels and predictions are then."""
    cfg = tiny_config(name, root, work_dir=str(work_dir), experiment_name=f'test_hidden_{next(number)}', **{
        'train_cfg': dict(_delete_=True, type='IterBasedTrainLoop', max_iters=2),
        'param_scheduler': [],
        'custom_hooks': [dict(type='WeakClassWeightHook'), dict(type='PseudoLabelQualityHook', interval=1)],
        'model.decode_head.loss_decode.class_weight': 'weak',
        'default_hooks.checkpoint': dict(_delete_=True, type='CheckpointHook', by_epoch=False, interval=-1),
        'log_processor.by_epoch': False, 'val_cfg': None, 'val_dataloader': None, 'val_evaluator': None,
        'test_cfg': None, 'test_dataloader': None, 'test_evaluator': None, **changes})
    runner = Runner.from_cfg(cfg)
    runner.train()
    report, = [hook for hook in runner.hooks if isinstance(hook, PseudoLabelQualityHook)]
    return runner.model.state_dict(), report.measure(runner)


def change_hidden_labels(dataset, masks, dtype):
    """Another class for every point that is neither labelled nor void, in the files."""
    changed = 0
    for scan, idx in dataset.scans().items():
        info = dataset.get_data_info(idx)
        raw = np.fromfile(info['pts_semantic_mask_path'], dtype)
        classes = info['seg_label_mapping'][raw & 0xFFFF]
        num_classes = len(dataset.metainfo['classes'])
        hidden = ~masks.read(scan) & (classes < num_classes)
        one_of_each = np.array([np.flatnonzero(info['seg_label_mapping'] == label)[0] for label in range(num_classes)])
        raw[hidden] = one_of_each[(classes[hidden] + 1) % num_classes]
        raw.tofile(info['pts_semantic_mask_path'])
        changed += hidden.sum()
    return changed


@pytest.fixture
def s3dis(tmp_path):
    return write_s3dis(tmp_path / 'rooms')


@pytest.mark.parametrize('name, data, dtype, more', [
    (MIXES, 'semantickitti', np.uint32, {}), (ROOMS, 's3dis', np.int64, {}), (MINI, 'semantickitti', np.uint32, PRIOR)])
def test_hidden_labels_change_no_weight(name, data, dtype, more, request, tmp_path):
    root = request.getfixturevalue(data)
    folder = tmp_path / 'masks'
    dataset = build_training_set(tiny_config(name, root))
    write_masks(dataset, folder)
    changes = {'train_dataloader.dataset.masks': str(folder), **more}
    before, quality = train(name, root, tmp_path / 'before', **changes)
    assert change_hidden_labels(dataset, StoredMasks(folder), dtype) > 1000
    after, changed_quality = train(name, root, tmp_path / 'after', **changes)
    assert quality['prediction/accuracy'] != changed_quality['prediction/accuracy'], 'the report does see them'
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert torch.equal(value, after[key]), key

    drawn, _ = train(name, root, tmp_path / 'drawn', **more)
    assert any(not torch.equal(value, drawn[key]) for key, value in before.items()), 'the test can fail'


def test_without_the_hook(semantickitti, tmp_path):
    with pytest.raises(RuntimeError, match='WeakClassWeightHook.*custom_hooks'):
        train(MINI, semantickitti, tmp_path, custom_hooks=[])
