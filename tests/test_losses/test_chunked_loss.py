"""Against the plain functions on whole tensors, in values and in gradients."""
import pytest
import torch
from torch.autograd import gradcheck

from erda.losses import chunked_loss as module
from erda.losses.chunked_loss import ChunkedLogits, chunked_loss, max_probability
from erda.losses.functional import ALIGNMENT_FORMS, distribution_alignment, entropy

N, C, K = 11, 3, 5
SETTINGS = [(form, weight) for form in ALIGNMENT_FORMS for weight in (0.0, 1.0, 2.5)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, 'CHUNK_ELEMENTS', dict(cpu=4 * module.MIN_COLUMNS))  # 4 + 4 + 3 points


@pytest.fixture
def tensors():
    """Rows, parameters and logits, and a weight for each point: 0 for some."""
    generator = torch.Generator().manual_seed(0)
    rows, weight, q = (2 * torch.randn(*shape, generator=generator, dtype=torch.float64)
                       for shape in ((N, C), (K, C), (N, K)))
    return [x.requires_grad_() for x in (rows, weight, q)], (torch.arange(N) % 3 != 1) * 0.3


def logits_of(rows, weight):
    return (rows @ weight.T).tanh()


def fused(weights, form='kl_pq', entropy_weight=1.0):
    return lambda rows, weight, q: chunked_loss(ChunkedLogits(rows, logits_of, (weight, )), q, weights, form,
                                                entropy_weight)


@pytest.mark.parametrize('form, entropy_weight', SETTINGS)
def test_equals_the_plain_functions(tensors, form, entropy_weight):
    tensors, weights = tensors
    loss = fused(weights, form, entropy_weight)(*tensors)
    p, q = logits_of(*tensors[:2]), tensors[2]
    expected = (weights * (distribution_alignment(p, q, form) + entropy_weight * entropy(p))).sum()
    torch.testing.assert_close(loss, expected)
    for found, wanted in zip(torch.autograd.grad(3 * loss, tensors), torch.autograd.grad(3 * expected, tensors)):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize('form, entropy_weight', SETTINGS)
def test_gradients(tensors, form, entropy_weight):
    tensors, weights = tensors
    assert gradcheck(fused(weights, form, entropy_weight), tensors)


def test_an_offset_is_added(tensors):
    (rows, weight, q), weights = tensors
    offset = q.detach().flip(0)
    lazy = ChunkedLogits(rows, logits_of, (weight, )) + offset + offset
    logits = logits_of(rows, weight) + 2 * offset
    torch.testing.assert_close(lazy[:], logits)
    torch.testing.assert_close(chunked_loss(lazy, q, weights), chunked_loss(logits, q, weights))


@pytest.mark.parametrize('frozen', [(0, ), (1, ), (2, ), (0, 1), (0, 2)])
def test_only_the_gradients_that_are_wanted(tensors, frozen):
    tensors, weights = tensors
    expected = torch.autograd.grad(fused(weights)(*tensors), tensors)
    some = [x.detach() if i in frozen else x for i, x in enumerate(tensors)]
    wanted = [i for i in range(3) if i not in frozen]
    found = torch.autograd.grad(fused(weights)(*some), [tensors[i] for i in wanted])
    assert all(torch.equal(a, expected[i]) for a, i in zip(found, wanted))


def test_the_same_gradients_again_and_in_a_second_backward(tensors):
    tensors, weights = tensors
    loss = fused(weights)(*tensors)
    first, second = (torch.autograd.grad(loss, tensors, retain_graph=True) for _ in range(2))
    third = torch.autograd.grad(fused(weights)(*tensors), tensors)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(first, second, third))
    assert fused(weights)(*tensors) == loss


def test_gradients_are_not_computed_where_none_are_recorded(tensors):
    tensors, weights = tensors
    with torch.no_grad():
        assert torch.equal(fused(weights)(*tensors), fused(weights)(*tensors).detach())


def test_half_precision_keeps_small_gradients():
    """An averaged gradient is far below what float16 can hold; a scaler multiplies it before it is rounded."""
    p, q = (torch.randn(64, 20, generator=torch.Generator().manual_seed(i)).half().requires_grad_() for i in (0, 1))
    weights = torch.full((64, ), 1e-9)
    found = torch.autograd.grad(1e9 * chunked_loss(p, q, weights), (p, q))
    expected = torch.autograd.grad(chunked_loss(p, q, torch.ones(64)), (p, q))
    for a, b in zip(found, expected):
        assert a.dtype == torch.float16
        torch.testing.assert_close(a, b)


def test_autocast_changes_nothing():
    rows, weight, q = (torch.randn(*shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
                       for shape in ((N, C), (K, C), (N, K)))
    expected = fused(torch.ones(N))(rows, weight, q)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = fused(torch.ones(N))(rows, weight, q)
    assert torch.equal(loss, expected)
    for a, b in zip(torch.autograd.grad(loss, (rows, weight, q)), torch.autograd.grad(expected, (rows, weight, q))):
        assert torch.equal(a, b)


def test_a_class_without_mass_is_finite():
    p = torch.tensor([[1., 2., -1e4]], requires_grad=True)
    q = torch.tensor([[1., 0., -30.]], requires_grad=True)
    for form in ('kl_pq', 'js', 'mse'):
        chunked_loss(p, q, torch.ones(1), form).backward()
    assert torch.isfinite(p.grad).all() and torch.isfinite(q.grad).all()


def test_no_points(tensors):
    (rows, weight, q), weights = tensors
    loss = fused(weights[:0])(rows[:0], weight, q[:0])
    assert loss == 0 and not torch.autograd.grad(loss, weight)[0].any()


def test_logits_of_some_points_and_their_confidence(tensors):
    (rows, weight, _), _ = tensors
    lazy, logits = ChunkedLogits(rows, logits_of, (weight, )), logits_of(rows, weight)
    torch.testing.assert_close(lazy[torch.tensor([7, 0])], logits[[7, 0]])
    for either in (lazy, logits):
        torch.testing.assert_close(max_probability(either), logits.softmax(-1).amax(-1))
