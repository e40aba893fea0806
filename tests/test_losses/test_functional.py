"""Every form against a float64 loop written from its formula, and against the update table of the paper."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from erda.losses.functional import ALIGNMENT_FORMS, distribution_alignment, entropy

N, K = 7, 5


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return [3 * torch.randn(N, K, dtype=torch.float64, generator=generator) for _ in range(2)]


def softmax(row):
    exp = [math.exp(x) for x in row]
    return [x / sum(exp) for x in exp]


def slow_entropy(p):
    return -sum(x * math.log(x) for x in p)


def slow_alignment(p, q, form):
    if form == 'kl_pq':
        return sum(a * math.log(a / b) for a, b in zip(p, q))
    if form == 'kl_qp':
        return sum(b * math.log(b / a) for a, b in zip(p, q))
    if form == 'js':
        return slow_entropy([(a + b) / 2 for a, b in zip(p, q)]) - (slow_entropy(p) + slow_entropy(q)) / 2
    return sum((a - b)**2 for a, b in zip(p, q)) / 2


def test_entropy_equals_the_formula(logits):
    expected = [slow_entropy(softmax(row)) for row in logits[0].tolist()]
    assert entropy(logits[0]).tolist() == pytest.approx(expected, abs=1e-12)
    assert entropy(torch.zeros(2, K)).tolist() == pytest.approx([math.log(K)] * 2)


@pytest.mark.parametrize('form', ALIGNMENT_FORMS)
def test_alignment_equals_the_formula(logits, form):
    expected = [slow_alignment(softmax(a), softmax(b), form) for a, b in zip(*(x.tolist() for x in logits))]
    assert distribution_alignment(*logits, form).tolist() == pytest.approx(expected, abs=1e-12)
    assert distribution_alignment(logits[0], logits[0] + 1, form).abs().max() < 1e-12


@pytest.mark.parametrize('form', ALIGNMENT_FORMS)
def test_gradients(logits, form):
    a, b = (x.requires_grad_() for x in logits)
    assert gradcheck(lambda a, b: distribution_alignment(a, b, form), (a, b))
    assert gradcheck(entropy, (a, ))


@pytest.mark.parametrize('weight', [0.0, 1.0, 2.0])
def test_update_under_a_uniform_prediction(logits, weight):
    """-dL/ds = (lambda - 1) E_i with E_i = p_i sum_j p_j log(p_i / p_j) for KL(p||q) and q uniform."""
    s = logits[0].requires_grad_()
    (distribution_alignment(s, torch.zeros_like(s)) + weight * entropy(s)).sum().backward()
    p = s.detach().softmax(-1)
    expected = p * (p.log() - (p * p.log()).sum(-1, keepdim=True)) * (weight - 1)
    torch.testing.assert_close(-s.grad, expected)


@pytest.mark.parametrize('form', ['kl_pq', 'js', 'mse'])
def test_a_confident_pseudo_label_is_left_alone(form):
    s = torch.tensor([[50., 0., 0.]], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[0.1, 0.7, 0.2]], dtype=torch.float64)
    (distribution_alignment(s, q, form) + entropy(s)).sum().backward()
    assert s.grad.abs().max() < 1e-12


def test_a_class_without_mass_is_finite():
    p = torch.tensor([[1., 2., -1e4]], requires_grad=True)
    q = torch.tensor([[1., 0., -30.]], requires_grad=True)
    for form in ('kl_pq', 'js', 'mse'):
        (distribution_alignment(p, q, form) + entropy(p)).sum().backward()
    assert torch.isfinite(p.grad).all() and torch.isfinite(q.grad).all()


def test_unknown_form():
    with pytest.raises(ValueError, match="'kl'"):
        distribution_alignment(torch.zeros(1, 2), torch.zeros(1, 2), 'kl')
