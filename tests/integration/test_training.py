"""Every config takes a step; training goes on after an interruption as if nothing had happened; on real loaders."""
import itertools

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint
from tiny_scans import REPOSITORY

CONFIGS = sorted(
    str(path.relative_to(REPOSITORY)) for folder in ('configs', 'projects/ERDA/configs')
    for path in (REPOSITORY / folder).glob('**/*.py') if '_base_' not in path.parts)
number = itertools.count()


def tiny_config(name, root, work_dir, **changes):
    """A config of the repository on tiny data, with a network of two channels and four iterations."""
    cfg = Config.fromfile(REPOSITORY / name)
    epochs = cfg.train_cfg.type == 'EpochBasedTrainLoop'
    cfg.merge_from_dict({
        'train_dataloader.dataset.dataset.data_root': str(root),
        'val_dataloader.dataset.data_root': str(root),
        'test_dataloader.dataset.data_root': str(root),
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'val_dataloader.num_workers': 0,
        'val_dataloader.persistent_workers': False,
        'test_dataloader.num_workers': 0,
        'test_dataloader.persistent_workers': False,
        'model.data_preprocessor.voxel_layer.voxel_size': [0.5] * 3,
        'model.backbone': dict(base_channels=2, encoder_channels=[2, 2, 4, 4], decoder_channels=[4, 4, 4, 2],
                               encoder_blocks=[1] * 4, decoder_blocks=[1] * 4),
        'model.decode_head.channels': 2,
        'train_cfg': dict(max_epochs=1) if epochs else dict(max_iters=4, val_interval=4),
        'default_hooks.logger.interval': 1,
        'randomness.seed': 0,
        'work_dir': str(work_dir),
        'experiment_name': f'test_{next(number)}',
        **changes
    })
    if not epochs:
        cfg.default_hooks.checkpoint.update(interval=2, max_keep_ckpts=-1)
    return cfg


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_takes_a_step_and_predicts(name, semantickitti, tmp_path):
    runner = Runner.from_cfg(tiny_config(name, semantickitti, tmp_path / 'work'))
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    metrics = runner.train() and runner.val_loop.run()
    after = runner.model.state_dict()
    moved = [key for key, value in before.items() if not torch.equal(value, after[key])]
    assert 'decode_head.conv_seg.weight' in moved and 'backbone.conv_input.0.0.weight' in moved
    assert ('decode_head.pseudo_labeler.prototypes' in moved) == ('_erda_' in name)
    assert 0 <= metrics['miou'] <= 1


@pytest.mark.parametrize('workers', [0, 1])
def test_four_steps_equal_two_and_two(semantickitti, tmp_path, workers):
    name = 'projects/ERDA/configs/minkunet_erda_1pct_mini.py'
    changes = {'train_dataloader.num_workers': workers, 'train_dataloader.persistent_workers': workers > 0,
               'model.data_preprocessor.max_voxels': 100, 'model.decode_head.dropout_ratio': 0.5}
    straight = Runner.from_cfg(tiny_config(name, semantickitti, tmp_path / 'straight', **changes))
    straight.train()
    torch.manual_seed(123)
    cfg = tiny_config(name, semantickitti, tmp_path / 'resumed', **changes,
                      load_from=str(tmp_path / 'straight/iter_2.pth'), resume=True)
    resumed = Runner.from_cfg(cfg)
    resumed.train()
    assert resumed.iter == 4
    for key, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    assert straight.optim_wrapper.get_lr() == resumed.optim_wrapper.get_lr()


def test_erda_checkpoint_predicts_the_same_in_plain_mmdet3d(semantickitti, tmp_path):
    """The stock segmentor and head, with nothing of ours but the voxels, which need a GPU in the stock class."""
    cfg = tiny_config('projects/ERDA/configs/minkunet_erda_1pct_mini.py', semantickitti, tmp_path / 'work')
    runner = Runner.from_cfg(cfg)
    runner.train()
    init_default_scope('mmdet3d')
    plain = dict(cfg.model.decode_head, type='MinkUNetHead')
    del plain['pseudo_labeler'], plain['loss_erda']
    model = MODELS.build(dict(cfg.model, decode_head=plain))
    load_checkpoint(model, str(tmp_path / 'work/iter_4.pth'), map_location='cpu')
    batch = next(iter(runner.val_dataloader))
    ours, = runner.model.eval().val_step(batch)
    stock, = model.eval().val_step(batch)
    assert torch.equal(ours.pred_pts_seg.pts_semantic_mask, stock.pred_pts_seg.pts_semantic_mask)
    torch.testing.assert_close(ours.pts_seg_logits.pts_seg_logits, stock.pts_seg_logits.pts_seg_logits)
