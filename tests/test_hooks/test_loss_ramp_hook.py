from types import SimpleNamespace

import pytest

from erda.hooks import LossRampHook


def runner(iteration=0, **losses):
    return SimpleNamespace(iter=iteration, max_iters=100, model=SimpleNamespace(decode_head=SimpleNamespace(**losses)))


def test_weight_over_the_training():
    hook, loss = LossRampHook(begin=0.2, end=0.6), SimpleNamespace(loss_weight=3.0)
    target = runner(loss_erda=loss)
    hook.before_train(target)
    weights = []
    for target.iter in (0, 20, 30, 50, 60, 99):
        hook.before_train_iter(target, 0)
        weights.append(loss.loss_weight)
    assert weights == pytest.approx([0, 0, 0.75, 2.25, 3, 3])


def test_up_and_down():
    hook = LossRampHook(begin=0, end=0.1, fall=(0.2, 0.4))
    assert [hook.factor(x) for x in (0.05, 0.1, 0.2, 0.3, 0.4, 1)] == pytest.approx([0.5, 1, 1, 0.5, 0, 0])


@pytest.mark.parametrize('fall', [(0.05, 0.4), (0.4, 0.4), (0.4, 0.3), (0.4, 1.1)])
def test_a_fall_out_of_range(fall):
    with pytest.raises(ValueError, match='fall='):
        LossRampHook(begin=0, end=0.1, fall=fall)


def test_a_step_and_no_warm_up():
    hook = LossRampHook(begin=0.5, end=0.5)
    assert [hook.factor(x) for x in (0, 0.49, 0.5, 1)] == [0, 0, 1, 1]
    assert LossRampHook(begin=0, end=0).factor(0) == 1


@pytest.mark.parametrize('begin, end', [(-0.1, 0.5), (0.5, 0.4), (0.5, 2)])
def test_shares_out_of_range(begin, end):
    with pytest.raises(ValueError, match='shares of the training'):
        LossRampHook(begin, end)


def test_head_without_the_loss():
    with pytest.raises(ValueError, match='no loss_erda'):
        LossRampHook().before_train(runner(loss_erda=None))
