import pytest
import torch
from mmdet3d.registry import MODELS

K, VOID = 5, 19


def build(cls='FewLabelLovaszLoss'):
    return MODELS.build(dict(type=cls, loss_weight=2.0, reduction='none'))


def logits(n):
    return torch.randn(n, K, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_equals_the_stock_loss_on_several_labels():
    x, labels = logits(7), torch.tensor([0, VOID, 3, 3, VOID, 1, 0])
    expected = build('LovaszLoss')(x, labels, ignore_index=VOID)
    found = build()(x, labels, ignore_index=VOID)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, x)[0] for loss in (found, expected)))


def test_one_label():
    x, labels = logits(3), torch.tensor([VOID, 2, VOID])
    loss = build()(x, labels, ignore_index=VOID)
    torch.testing.assert_close(loss, 2 * (1 - x.softmax(1)[1, 2]))
    loss.backward()
    assert x.grad[1].any() and not x.grad[[0, 2]].any()


@pytest.mark.parametrize('n', [0, 1, 4])
def test_no_label(n):
    x = logits(n)
    loss = build()(x, torch.full((n, ), VOID), ignore_index=VOID)
    loss.backward()
    assert loss == 0 and loss.dim() == 0 and not x.grad.any()
