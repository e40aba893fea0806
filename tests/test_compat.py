"""Checkpoints: what mmengine writes loads with weights_only, anything else does not."""
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.optim.scheduler import OneCycleLR
from mmengine.runner import Runner
from torch.torch_version import TorchVersion
from torch.utils.data import DataLoader, Dataset

from erda.compat import load_weights_only


@pytest.mark.skipif(torch.__version__ < '2.6', reason='older torch reads plain values alone')
def test_training_history_loads(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    torch.save(dict(message_hub=dict(log_scalars=dict(loss=buffer))), tmp_path / 'history.pth')
    loaded = torch.load(tmp_path / 'history.pth', weights_only=True)['message_hub']['log_scalars']['loss']
    assert loaded.mean() == 1.5 and loaded.statistics('max') == 2.0


class Call:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize('payload', [
    Call(os.system, 'true'),
    Call(getattr, torch.Tensor, 'data_ptr'),
    Call(getattr, HistoryBuffer, '__init__'),
    Call(getattr, HistoryBuffer, 'update'),
    Call(eval, '1'),
])
def test_anything_else_does_not_load(tmp_path, payload):
    torch.save(dict(state_dict={}, meta=payload), tmp_path / 'malicious.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'malicious.pth')


def test_older_torch_is_told_to_refuse_the_rest_too(tmp_path, monkeypatch):
    torch.save(dict(meta=Call(os.mkdir, str(tmp_path / 'ran'))), tmp_path / 'malicious.pth')
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    monkeypatch.setattr(torch, '__version__', TorchVersion('2.0.1'))
    load_weights_only()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'malicious.pth', weights_only=False)  # as the default was
    assert not (tmp_path / 'ran').exists()


class Numbers(Dataset):

    def __init__(self, classes):
        self.metainfo = dict(classes=classes, names=ConfigDict({0: classes[0]}), mapping=np.arange(3))

    def __getitem__(self, idx):
        return dict(inputs=torch.tensor([float(idx)]))

    def __len__(self):
        return 8


class Line(BaseModel):

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.line(inputs).square().mean())


def train(folder, iters, classes=('a', 'b'), **settings):
    """A run that stores each step; the text of its log too."""
    runner = Runner(
        Line(), str(folder), DataLoader(Numbers(classes)), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        train_cfg=dict(by_epoch=False, max_iters=iters), experiment_name=folder.name, default_scope='mmengine',
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1)), **settings)
    runner.train()
    return runner, next(folder.glob('*/*.log')).read_text()


def test_plain_torch_reads_our_checkpoints_and_training_goes_on(tmp_path):
    straight, _ = train(tmp_path / 'straight', 3)
    path = tmp_path / 'straight/iter_2.pth'
    code = f'import torch; print(sorted(torch.load({str(path)!r}, weights_only=True)))'
    done = subprocess.run([sys.executable, '-I', '-c', code], capture_output=True, text=True)
    assert done.stdout.strip() == "['message_hub', 'meta', 'optimizer', 'state_dict']", done.stderr
    resumed, log = train(tmp_path / 'resumed', 3, load_from=str(path), resume=True)
    expected, actual = (runner.message_hub.get_scalar('train/loss') for runner in (straight, resumed))
    assert isinstance(actual, HistoryBuffer) and len(actual.data[0]) == 3
    np.testing.assert_array_equal(actual.data, expected.data)
    assert 'dataset metainfo from the resumed checkpoint is different' not in log
    _, log = train(tmp_path / 'other', 3, ('a', 'c'), load_from=str(path), resume=True)
    assert 'dataset metainfo from the resumed checkpoint is different' in log


def test_a_test_does_not_build_the_training_data(tmp_path):
    train(tmp_path / 'trained', 1)
    tester = Runner(
        Line(), str(tmp_path / 'tested'), dict(dataset=dict(type='NoSuchDataset')), default_scope='mmengine',
        train_cfg=dict(by_epoch=True, max_epochs=1), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        experiment_name='tested')
    assert 'state_dict' in tester.load_checkpoint(str(tmp_path / 'trained/iter_1.pth'))


def test_one_cycle_state_is_plain_and_resumes(tmp_path):

    def build():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        return optimizer, OneCycleLR(optimizer, eta_max=1.0, total_steps=10)

    optimizer, straight = build()
    for _ in range(3):
        straight.step()
    torch.save(straight.state_dict(), tmp_path / 'scheduler.pth')
    other, resumed = build()
    resumed.load_state_dict(torch.load(tmp_path / 'scheduler.pth'))
    for schedule in (straight, resumed):
        schedule.step()
    assert optimizer.param_groups[0]['lr'] == other.param_groups[0]['lr']


def test_config_text_follows_the_config():
    cfg = Config(dict(a=1))
    assert cfg.pretty_text == cfg.pretty_text == 'a = 1\n'
    cfg.a = 2
    assert cfg.pretty_text == 'a = 2\n'
    assert Config(dict(b=1)).pretty_text == 'b = 1\n'
