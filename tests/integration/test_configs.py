"""Every config of the repository, and what a user makes of them, builds, takes one step and predicts."""
import copy

import numpy as np
import pytest
import torch
from integration.tiny_configs import CONFIGS, tiny_config
from mmdet3d.registry import DATASETS, METRICS, MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tiny_scans import REPOSITORY

from erda.config import load_config
from erda.weak_labels import count_per_class

# Fragments beside configs that do not have them: every method and every way of mixing.
WITH_FRAGMENTS = [('projects/ERDA/configs/minkunet_erda_1pct.py', f'methods/{path.name}')
                  for path in sorted((REPOSITORY / 'configs/_base_/methods').glob('*.py'))]
WITH_FRAGMENTS += [('projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py', 'methods/mean_teacher.py'),
                   ('projects/ERDA/configs/cylinder3d_erda_1pct.py', 'mixing/none.py'),
                   ('configs/minkunet/minkunet_full.py', 'mixing/none.py'),
                   ('configs/minkunet/minkunet_sparse_1pct_mini.py', 'mixing/sectors.py'),
                   ('projects/ERDA/configs/minkunet_erda_1pct_mini.py', 'methods/erda_plus.py', 'mixing/sectors.py')]


@pytest.fixture(params=[*((name, ) for name in CONFIGS), *WITH_FRAGMENTS], ids='+'.join)
def cfg(request, roots):
    name, *fragments = request.param
    kind = tiny_config(name, '').train_dataloader.dataset.dataset.type
    return tiny_config(name, roots[kind], *fragments)


def test_every_config_takes_a_step_and_predicts(cfg):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(cfg.model)
    if model.decode_head.awaits_class_weights:  # which WeakClassWeightHook counts when a training begins
        model.decode_head.set_class_weights([1.0] * model.decode_head.num_real_classes)
    before = copy.deepcopy(model.state_dict())
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    losses = model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert {'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'} & moved
    assert any(key.startswith('backbone.') and key.endswith(('weight', 'kernel')) for key in moved)
    head = cfg.model.decode_head
    labeler = head.pseudo_labeler and head.pseudo_labeler.type
    assert ('decode_head.pseudo_labeler.prototypes' in moved) == (labeler == 'PrototypePseudoLabeler')
    expected = {'loss_ce', 'loss_lovasz'} if cfg.model.type == 'Cylinder3D' else {'loss_sem_seg'}
    expected |= {'loss_erda'} if labeler else set()
    expected |= {'loss_pseudo_label'} if head.get('labelled_weight') else set()
    expected |= {'loss_regularize'} if 'loss_regularization' in cfg.model else set()
    assert {name.split('.')[-1] for name in losses} - {'loss'} == expected

    loader = Runner.build_dataloader(cfg.val_dataloader)
    metric = METRICS.build(cfg.val_evaluator)
    metric.dataset_meta = loader.dataset.metainfo
    with torch.no_grad():
        samples = model.eval().val_step(next(iter(loader)))
    true = samples[0].eval_ann_info['pts_semantic_mask']
    assert true.min() >= 0 and true.max() <= model.decode_head.ignore_index, 'classes, not raw ids'
    metric.process({}, [sample.to_dict() for sample in samples])
    assert 0 <= metric.evaluate(1)['miou'] <= 1


@pytest.mark.parametrize('name, budget, expected', [
    ('pointnet2_ssg_erda_1pct_s3dis.py', "dict(_delete_=True, type='PerClassBudget', num_points=1)", 'one each'),
    ('pointnet2_ssg_erda_1pct_scannet.py', "dict(_delete_=True, type='PerScanBudget', num_points=20)", '20'),
    ('minkunet_erda_1pct_mini.py', 'dict(ratio=0.1)', '10%')])
def test_another_budget_is_two_lines(name, budget, expected, roots, tmp_path):
    """As the documentation says it; another number alone goes on the command line."""
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = 'erda::{name}'\ntrain_dataloader = dict(dataset=dict(budget={budget}))\n")
    cfg = load_config(str(path))
    cfg.train_dataloader.dataset.dataset.data_root = str(roots[cfg.train_dataloader.dataset.dataset.type])
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    scan, truth = dataset.load_scan_with_truth(0)
    counts, full = (count_per_class(labels, len(dataset.metainfo['classes'])) for labels in (scan.labels, truth))
    if expected == 'one each':
        assert np.array_equal(counts, np.minimum(full, 1))
    elif expected == '20':
        assert counts.sum() == 20
    else:
        assert np.array_equal(counts, np.maximum(full // 10, full > 0))
