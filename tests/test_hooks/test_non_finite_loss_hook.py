"""A NaN reaches neither weights nor anything else that a run goes on with."""
import copy

import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.dataset import pseudo_collate
from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from erda.hooks import NonFiniteLossHook, TrainingError

STEPS = 6


class Scans(Dataset):
    """Two items a batch; ``values`` replaces some of them."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, idx):
        sample = Det3DDataSample()
        sample.set_metainfo(dict(scans=[f'scan_{idx}.bin', f'mixed_into_{idx}.bin']))
        return dict(inputs=torch.tensor([self.values.get(idx, float(idx + 1)), 1.0]), data_samples=sample)

    def __len__(self):
        return 2 * STEPS


class Network(BaseModel):
    """BatchNorm's statistics take in whatever comes; a negative value leads to a root of 0, without a gradient."""

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(2, 2)
        self.norm = torch.nn.BatchNorm1d(2)

    def forward(self, inputs, data_samples, mode):
        rows = torch.stack(inputs)
        root = (self.line.bias * 0 + (rows[:, :1] > 0)).sqrt()
        return dict(loss_a=self.norm(self.line(rows)).square().sum(dim=1).mean(), loss_b=root.mean())


class Watch(Hook):
    """State of the run before and after each step."""
    priority = 'HIGHEST'

    def __init__(self):
        self.states = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.states.append(copy.deepcopy((runner.model.state_dict(), runner.optim_wrapper.optimizer.state_dict())))

    after_train_epoch = lambda self, runner: self.before_train_iter(runner, 0)  # noqa: E731


def train(folder, values, hook, accumulate=1):
    torch.manual_seed(0)
    watch, average = Watch(), EMAHook(momentum=0.5)
    runner = Runner(
        Network(), str(folder), DataLoader(Scans(values), batch_size=2, collate_fn=pseudo_collate),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01), accumulative_counts=accumulate,
                           clip_grad=dict(max_norm=1)),
        train_cfg=dict(by_epoch=False, max_iters=STEPS), experiment_name=f'{folder.parent.name}_{folder.name}',
        default_scope='mmdet3d', custom_hooks=[hook, watch, average],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1)))
    try:
        runner.train()
    finally:
        assert all(weight.isfinite().all() for weight in runner.model.parameters())
    for state in (runner.model.state_dict(), average.ema_model.state_dict()):
        assert all(value.isfinite().all() for value in state.values())
    return watch.states, next(folder.glob('*/*.log')).read_text()


def same(expected, actual):
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


NAN, INF, GRADIENT = {5: float('nan')}, {4: float('inf')}, {4: -1.0}


@pytest.mark.parametrize('values, what', [(NAN, 'the loss is not finite'), (INF, 'the loss is not finite'),
                                          (GRADIENT, 'the gradient is not finite')])
def test_stop(tmp_path, values, what):
    with pytest.raises(TrainingError) as error:
        train(tmp_path / 'work', values, NonFiniteLossHook())
    message = str(error.value)
    assert message.startswith(f'Step 3: {what} (') and 'loss_a' in message and 'loss_b' in message
    assert 'scan_4.bin, mixed_into_4.bin, scan_5.bin, mixed_into_5.bin.' in message
    assert (tmp_path / 'work/last_checkpoint').read_text().endswith('iter_2.pth')
    assert not (tmp_path / 'work/iter_3.pth').exists()


@pytest.mark.parametrize('values', [NAN, INF, GRADIENT])
def test_skip_leaves_everything_as_it_was(tmp_path, values):
    states, log = train(tmp_path / 'work', values, NonFiniteLossHook('skip'))
    same(states[2], states[3])
    assert not torch.equal(states[3][0]['line.weight'], states[4][0]['line.weight']), 'and training goes on'
    assert 'Step 3: ' in log and 'scan_4.bin' in log and f'1 of {STEPS} steps were skipped' in log


def test_an_ordinary_run_is_not_touched(tmp_path):
    expected, _ = train(tmp_path / 'without', {}, Hook())
    for action in ('stop', 'skip'):
        states, log = train(tmp_path / action, {}, NonFiniteLossHook(action))
        same(expected, states)
        assert 'skipped' not in log


def test_too_many_in_a_row(tmp_path):
    apart = {2: float('nan'), 6: float('nan'), 10: float('nan')}
    train(tmp_path / 'apart', apart, NonFiniteLossHook('skip', max_skips=1))
    with pytest.raises(TrainingError, match='Step 3: .* more than max_skips=1'):
        train(tmp_path / 'together', {**apart, 4: float('nan')}, NonFiniteLossHook('skip', max_skips=1))


def test_accumulated_gradients(tmp_path):
    """Steps 1 and 2, 3 and 4, 5 and 6 make an update each: the second one is dropped."""
    states, _ = train(tmp_path / 'work', {6: float('nan')}, NonFiniteLossHook('skip'), accumulate=2)
    weights = [state[0]['line.weight'] for state in states]
    changed = [not torch.equal(*pair) for pair in zip(weights, weights[1:])]
    assert changed == [False, True, False, False, False, True]


def test_unknown_action():
    with pytest.raises(ValueError, match="action='warn' must be one of stop, skip"):
        NonFiniteLossHook('warn')
