"""Checkpoints: what mmengine writes loads with weights_only, anything else does not."""
import os
import pickle

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler import OneCycleLR


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
