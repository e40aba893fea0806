from types import SimpleNamespace

import pytest
import torch

from erda.hooks import PriorFadeHook


def run(hook, exponent=0.5, max_iters=10):
    """The exponent in each step."""
    head = SimpleNamespace(prior_exponent=exponent)
    model = torch.nn.Identity()
    model.decode_head = head
    runner = SimpleNamespace(model=model, iter=0, max_iters=max_iters)
    hook.before_train(runner)
    exponents = []
    for runner.iter in range(max_iters):
        hook.before_train_iter(runner, 0)
        exponents.append(head.prior_exponent)
    return exponents


def test_a_line_from_the_exponent_to_nothing():
    assert run(PriorFadeHook(begin=0.2, end=0.6)) == pytest.approx([.5, .5, .5, .375, .25, .125, 0, 0, 0, 0])


def test_at_once():
    assert run(PriorFadeHook(begin=0.3, end=0.3)) == [.5] * 3 + [0] * 7


def test_errors():
    with pytest.raises(ValueError, match='in this order'):
        PriorFadeHook(begin=0.5, end=0.2)
    with pytest.raises(ValueError, match='no prior_exponent'):
        run(PriorFadeHook(), exponent=0.0)
