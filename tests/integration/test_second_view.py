"""Pseudo-labels from an averaged model on another view, in real trainings."""
import copy

import pytest
import torch
from integration.test_training import runner_config
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from erda.heads import classify_points
from erda.hooks import SecondViewHook

PLUS = 'projects/ERDA/configs/minkunet_erdaplus_1pct_mini.py'
PROTOTYPES = {'model.decode_head.pseudo_labeler': dict(type='PrototypePseudoLabeler', _delete_=True)}
TEACHER = 'configs/minkunet/minkunet_meanteacher_1pct_synthetic.py'


@pytest.mark.parametrize('name', [PLUS, TEACHER])
def test_resumed_training_ends_with_the_same_weights(semantickitti, tmp_path, name):
    straight = Runner.from_cfg(runner_config(semantickitti, tmp_path / 'straight', name))
    straight.train()
    torch.manual_seed(123)
    resumed = Runner.from_cfg(runner_config(semantickitti, tmp_path / 'resumed', name, resume=True,
                                            load_from=str(tmp_path / 'straight/iter_2.pth')))
    resumed.train()
    averages = []
    for runner in (straight, resumed):
        hook, = [hook for hook in runner.hooks if isinstance(hook, SecondViewHook)]
        averages.append(hook.ema_model.state_dict())
    for ours, theirs in ((straight.model.state_dict(), resumed.model.state_dict()), averages):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert torch.equal(value, theirs[key]), key


@pytest.mark.parametrize('name', ['randlanet_erdaplus_1pt_synthetic', 'ptv3_erdaplus_1pt_synthetic'])
def test_samples_of_rooms_are_mixed_and_learned_from(roots, tmp_path, name):
    """Also where the data loader has found neighbours, which are others then."""
    cfg = runner_config(roots['S3DISSegDataset'], tmp_path / 'work', f'projects/ERDA/configs/{name}.py',
                        **{'train_dataloader.dataset.propagation.cache_dir': str(tmp_path / 'cache')})
    hooks = [hook for hook in cfg.custom_hooks if hook['type'] != 'MixHalvesHook']
    assert len(hooks) == len(cfg.custom_hooks) - name.startswith('ptv3'), 'RandLA-Net does without'
    cfg.custom_hooks = [*hooks, dict(type='MixHalvesHook', prob=1.0)]
    runner = Runner.from_cfg(cfg)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())
    assert any(not torch.equal(value, before[key]) for key, value in runner.model.named_parameters())


def test_the_average_follows_and_is_what_is_stored(semantickitti, tmp_path):
    runner = Runner.from_cfg(runner_config(semantickitti, tmp_path / 'work', PLUS))
    runner.train()
    hook, = [hook for hook in runner.hooks if isinstance(hook, SecondViewHook)]
    key = 'decode_head.conv_seg.weight'
    stored = torch.load(tmp_path / 'work/iter_4.pth')['state_dict'][key]
    average, student = hook.ema_model.module.state_dict()[key], runner.model.state_dict()[key]
    assert torch.equal(stored, average) and not torch.equal(average, student)


class _Snapshots(Hook):
    """The buffers of the segmentor after each step."""
    priority = 'VERY_HIGH'

    def __init__(self):
        self.steps = []

    def after_train_iter(self, runner, *args, **kwargs):
        self.steps.append({key: value.clone() for key, value in runner.model.named_buffers()})


def test_statistics_are_averaged_and_flags_are_the_newest(semantickitti, tmp_path):
    runner = Runner.from_cfg(runner_config(semantickitti, tmp_path / 'work', PLUS, **PROTOTYPES))
    snapshots = _Snapshots()
    runner.register_hook(snapshots)
    runner.train()
    hook, = [hook for hook in runner.hooks if isinstance(hook, SecondViewHook)]
    first, *others = snapshots.steps
    assert others
    seen = 'decode_head.pseudo_labeler.seen'
    for key, average in hook.ema_model.module.named_buffers():
        expected = first[key]
        for newest in others:
            expected = expected.lerp(newest[key], 0.03) if expected.is_floating_point() else newest[key]
        torch.testing.assert_close(average, expected, msg=key)
    assert any(not torch.equal(first[key], others[-1][key]) for key in first if key.endswith('running_mean'))
    assert others[-1][seen].any()


@pytest.mark.parametrize('name', ['minkunet_erda_1pct', 'cylinder3d_erda_1pct', 'pointnet2_ssg_erda_1pct_s3dis',
                                  'randlanet_erda_1pct_s3dis'])
def test_the_same_view_of_the_same_weights_is_the_networks_own(name, roots):
    """A step whose second view is what the segmentor in evaluation mode sees itself."""
    init_default_scope('mmdet3d')
    kind = 'S3DISSegDataset' if name.endswith('s3dis') else 'SemanticKittiDataset'
    cfg = tiny_config(f'projects/ERDA/configs/{name}.py', roots[kind])
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    head = model.decode_head
    hook = SecondViewHook(rotation=0, scale=(1, 1))
    hook.src_model, hook.ema_model = model, torch.nn.ModuleDict(dict(module=copy.deepcopy(model)))
    hook.before_train_iter(None, 0, batch)
    views = [sample.gt_pts_seg.second_view for sample in batch['data_samples']]
    calls = classify_points(model, **batch['inputs'])
    assert all(torch.equal(view, call.features) for view, call in zip(views, calls))

    seen = []
    label = head.pseudo_labeler.in_chunks
    head.pseudo_labeler.in_chunks = lambda rows, labels: seen.append(rows) or label(rows, labels)
    model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    rows, = seen
    assert not rows.requires_grad
    points = {tuple(row) for view in views for row in view.numpy().round(4).tolist()}
    known = sum(tuple(row) in points for row in rows.numpy().round(4).tolist())
    assert known == len(rows), 'a mean over the points of a voxel, which all have what their voxel has'


def test_without_pseudo_labels(semantickitti, tmp_path):
    cfg = runner_config(semantickitti, tmp_path, PLUS)
    cfg.model.decode_head.update(pseudo_labeler=None, loss_erda=None)
    cfg.custom_hooks = [dict(type='SecondViewHook')]
    with pytest.raises(ValueError, match='no pseudo_labeler'):
        Runner.from_cfg(cfg).train()
