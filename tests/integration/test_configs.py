"""Every config of the repository builds, takes one step and predicts."""
import copy

import numpy as np
import pytest
import torch
from integration.tiny_configs import CONFIGS, tiny_config
from mmdet3d.registry import METRICS, MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner


@pytest.fixture(params=CONFIGS)
def cfg(request, roots):
    kind = tiny_config(request.param, '').train_dataloader.dataset.dataset.type
    return tiny_config(request.param, roots[kind])


def test_every_config_takes_a_step_and_predicts(cfg):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(cfg.model)
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
