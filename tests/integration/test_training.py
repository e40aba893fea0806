"""Training goes on after an interruption as if nothing had happened; its checkpoints are those of mmdet3d."""
import itertools

import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint

number = itertools.count()
MINI = 'projects/ERDA/configs/minkunet_erda_1pct_mini.py'


def runner_config(root, work_dir, name=MINI, **changes):
    """Four iterations, a checkpoint after every second one."""
    run = f'test_{next(number)}'  # mmengine hands out one visualizer for each name
    return tiny_config(name, root, work_dir=str(work_dir), experiment_name=run, **{
        'visualizer.name': run,
        'train_cfg.max_iters': 4, 'train_cfg.val_interval': 4, 'default_hooks.logger.interval': 1,
        'default_hooks.checkpoint.interval': 2, 'default_hooks.checkpoint.max_keep_ckpts': -1, **changes})


@pytest.mark.parametrize('workers', [0, 1])
def test_four_steps_equal_two_and_two(semantickitti, tmp_path, workers):
    changes = {'train_dataloader.num_workers': workers, 'train_dataloader.persistent_workers': workers > 0,
               'model.data_preprocessor.max_voxels': 100, 'model.decode_head.dropout_ratio': 0.5}
    straight = Runner.from_cfg(runner_config(semantickitti, tmp_path / 'straight', **changes))
    straight.train()
    torch.manual_seed(123)
    cfg = runner_config(semantickitti, tmp_path / 'resumed', **changes,
                        load_from=str(tmp_path / 'straight/iter_2.pth'), resume=True)
    resumed = Runner.from_cfg(cfg)
    resumed.train()
    assert resumed.iter == 4
    for key, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    assert straight.optim_wrapper.get_lr() == resumed.optim_wrapper.get_lr()


def test_erda_checkpoint_predicts_the_same_in_plain_mmdet3d(semantickitti, tmp_path):
    """The stock segmentor and head, with nothing of ours but the voxels, which need a GPU in the stock class."""
    cfg = runner_config(semantickitti, tmp_path / 'work')
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
