"""The states themselves; tests/integration/test_training.py has the resumed run."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from erda.hooks import RandomStateHook


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def runner(loop, resume=True):
    return SimpleNamespace(train_loop=loop.__new__(loop), _resume=resume)


def resumed(hook, loop, resume=True):
    target = runner(loop, resume)
    hook.before_train(target)
    hook.before_train_epoch(target)
    hook.before_train_iter(target, 0)
    return draw()


@pytest.fixture
def checkpoint(tmp_path):
    checkpoint = {}
    RandomStateHook().before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / 'checkpoint.pth')
    return torch.load(tmp_path / 'checkpoint.pth')


def test_epochs_go_on_with_all_generators(checkpoint):
    expected = draw()
    hook = RandomStateHook()
    hook.after_load_checkpoint(None, checkpoint)
    assert resumed(hook, EpochBasedTrainLoop) == expected
    assert draw() != expected, 'once, not at every step'


def test_iterations_go_on_with_torch_alone(checkpoint):
    """The loop replays its data, which takes care of the others."""
    expected = draw()
    hook = RandomStateHook()
    hook.after_load_checkpoint(None, checkpoint)
    python, numpy, torch_ = resumed(hook, IterBasedTrainLoop)
    assert torch_ == expected[2] and python != expected[0] and numpy != expected[1]


def test_start_from_a_checkpoint_is_not_a_resumption(checkpoint):
    expected = draw()
    hook = RandomStateHook()
    hook.after_load_checkpoint(None, checkpoint)
    assert resumed(hook, EpochBasedTrainLoop, resume=False)[2] != expected[2]
