import pytest
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS

from erda.losses import OneHotLoss

P, Q = (torch.randn(9, 4, generator=torch.Generator().manual_seed(i)).requires_grad_() for i in (0, 1))


@pytest.mark.parametrize('mask', [None, torch.arange(9) < 4, torch.arange(9) < 1])
def test_against_a_loop(mask):
    loss = MODELS.build(dict(type='OneHotLoss', loss_weight=0.3))(P, Q, mask)
    rows = range(9) if mask is None else mask.nonzero().flatten().tolist()
    expected = sum(-Q[i].log_softmax(0)[P[i].argmax()] for i in rows) / len(rows)
    torch.testing.assert_close(loss, 0.3 * expected)
    grads = torch.autograd.grad(loss, (P, Q), allow_unused=True)
    assert grads[0] is None and grads[1].any()


def test_nothing_selected():
    loss = OneHotLoss()(P, Q, torch.zeros(9, dtype=torch.bool))
    assert loss == 0 and not torch.autograd.grad(loss, Q)[0].any()


def test_half_precision_is_computed_in_single():
    loss = OneHotLoss(1.0)(P.half(), Q.half())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(Q, P.argmax(1)), atol=2e-3, rtol=0)


def test_negative_weight():
    with pytest.raises(ValueError, match='must not be negative'):
        OneHotLoss(-1)
