import pytest
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS

from erda.losses import ERDALoss, distribution_alignment, entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    p, q = (torch.randn(11, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    return p, q, torch.arange(11) % 3 == 0


def test_weights_and_mask(batch):
    p, q, mask = batch
    loss = MODELS.build(dict(type='ERDALoss', alignment='js', entropy_weight=2.0, loss_weight=0.3))(p, q, mask)
    expected = 0.3 * (2 * entropy(p[mask]) + distribution_alignment(p[mask], q[mask], 'js')).mean()
    torch.testing.assert_close(loss, expected)


def test_lambda_one_is_the_soft_cross_entropy(batch):
    p, q, _ = batch
    loss = ERDALoss(loss_weight=1.0)(p, q)
    expected = F.cross_entropy(q, p.softmax(-1))
    torch.testing.assert_close(loss, expected)
    for actual, wanted in zip(torch.autograd.grad(loss, (p, q)), torch.autograd.grad(expected, (p, q))):
        torch.testing.assert_close(actual, wanted)


@pytest.mark.parametrize('count', [0, 1])
def test_none_or_one_selected_point(batch, count):
    p, q, _ = batch
    loss = ERDALoss()(p, q, torch.arange(11) < count)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(p.grad).all() and torch.isfinite(q.grad).all()
    assert (loss == 0) == (count == 0) and p.grad.abs().sum().bool() == bool(count)


def test_half_precision_is_computed_in_single():
    p, q = torch.randn(64, 20).half(), torch.randn(64, 20).half()
    loss = ERDALoss()(p, q)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, ERDALoss()(p.float(), q.float()))


def test_non_contiguous_input(batch):
    p, q, mask = batch
    transposed = [x.T.contiguous().T for x in (p, q)]
    torch.testing.assert_close(ERDALoss()(*transposed, mask), ERDALoss()(p, q, mask))


@pytest.mark.parametrize('arguments', [dict(alignment='kl'), dict(entropy_weight=-1), dict(loss_weight=-0.1)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError):
        ERDALoss(**arguments)


def test_bad_shapes(batch):
    p, q, mask = batch
    with pytest.raises(ValueError, match='N, K'):
        ERDALoss()(p, q[:-1])
    with pytest.raises(ValueError, match='mask'):
        ERDALoss()(p, q, mask[:-1])


@pytest.mark.parametrize('gradient, sides', [('both', (0, 1)), ('pseudo_label', (0, )), ('prediction', (1, ))])
def test_side_of_the_gradient(batch, gradient, sides):
    p, q, mask = batch
    loss = ERDALoss(gradient=gradient)(p, q, mask)
    assert loss == ERDALoss()(p, q, mask)
    grads = torch.autograd.grad(loss, (p, q), allow_unused=True)
    both = torch.autograd.grad(ERDALoss()(p, q, mask), (p, q))
    for side, (grad, expected) in enumerate(zip(grads, both)):
        assert torch.equal(grad, expected) if side in sides else grad is None
