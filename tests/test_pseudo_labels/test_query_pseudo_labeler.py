import pytest
import torch
from mmdet3d.registry import MODELS

from erda.losses import ERDALoss
from erda.pseudo_labels import QueryPseudoLabeler
from erda.weak_labels import UNLABELED

C, K = 8, 4


def build(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='QueryPseudoLabeler', in_channels=C, num_classes=K, **kwargs))


def features(n, seed=0):
    return torch.randn(n, C, generator=torch.Generator().manual_seed(seed))


def hidden(n):
    return torch.full((n, ), UNLABELED)


def test_similarity_to_refined_queries():
    """One round with one head, written out."""
    labeler, x = build(num_refinements=1, scale=3.0).eval(), features(6)
    attention, norm = labeler.attentions[0], labeler.norms[0]
    g = labeler.projection(x)
    w, b = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    q, k, v = ((y @ w[i].T + b[i]) for i, y in enumerate((norm(labeler.queries), g, g)))
    refined = labeler.queries + attention.out_proj((q @ k.T / C**0.5).softmax(-1) @ v)
    expected = 3 * torch.nn.functional.cosine_similarity(g[:, None], refined[None], dim=-1)
    torch.testing.assert_close(labeler(x, hidden(6)), expected)


def test_queries_follow_the_batch():
    labeler = build().eval()
    point = features(1)
    with_one, with_other = (labeler(torch.cat([point, features(50, seed)]), hidden(51))[0] for seed in (1, 2))
    assert not torch.allclose(with_one, with_other)


def test_everything_learns():
    labeler, x = build(), features(40).requires_grad_()
    ERDALoss(alignment='kl_qp')(labeler(x, hidden(40)), torch.randn(40, K)).backward()
    assert x.grad.abs().sum(1).bool().all()
    still = [name for name, parameter in labeler.named_parameters() if parameter.grad is None]
    assert not still and labeler.queries.grad.abs().sum(1).bool().all()


def test_attention_looks_at_a_sample_with_all_labelled_points():
    labeler = build(num_samples=10)
    labels = hidden(1000)
    labels[[5, 500, 900]] = torch.tensor([0, 3, K - 1])
    labels[7] = K  # void
    drawn = [labeler._sample(labels) for _ in range(20)]
    assert all(len(index) == 10 and {5, 500, 900} <= set(index.tolist()) for index in drawn)
    assert len({tuple(index.tolist()) for index in drawn}) == 20
    assert sum(7 in index.tolist() for index in drawn) <= 2
    torch.manual_seed(3)
    first = labeler(features(1000), labels)
    torch.manual_seed(3)
    assert torch.equal(labeler(features(1000), labels), first)


def test_evaluation_is_deterministic():
    labeler, x = build(num_samples=10).eval(), features(1000)
    torch.manual_seed(1)
    first = labeler(x, hidden(1000))
    assert torch.equal(labeler(x, hidden(1000)), first)
    for count in (11, 1000, 20_000_000):  # beyond what float32 can count
        index = labeler._sample(torch.full((1, ), UNLABELED).expand(count))
        assert len(set(index.tolist())) == 10 and index[0] == 0 and count * 0.9 - 1 <= index[-1] < count


@pytest.mark.parametrize('n', [0, 1, 2])
@pytest.mark.parametrize('training', [True, False])
def test_few_points(n, training):
    labeler = build().train(training)
    pseudo_logits = labeler(features(n), hidden(n))
    assert pseudo_logits.shape == (n, K) and pseudo_logits.isfinite().all()
    pseudo_logits.sum().backward()  # every parameter takes part, or the other ranks would wait for it
    assert all(parameter.grad.isfinite().all() for parameter in labeler.parameters())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('training', [True, False])
def test_autocast(dtype, training):
    labeler = build(num_layers=1).train(training)
    torch.nn.init.zeros_(labeler.projection[0].bias)
    x = features(30)
    x[3] = 0  # has no direction
    with torch.autocast('cpu', dtype):
        pseudo_logits = labeler(x, hidden(30))
    assert pseudo_logits.isfinite().all()
    torch.testing.assert_close(pseudo_logits.float(), labeler(x, hidden(30)), atol=0.3, rtol=0)
    pseudo_logits.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in labeler.parameters())


@pytest.mark.parametrize('arguments', [
    dict(num_layers=0), dict(num_refinements=0), dict(num_samples=0), dict(num_heads=3), dict(scale=0)])
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match='must be'):
        build(**arguments)


def test_shapes():
    with pytest.raises(ValueError, match=r'must be \[N, C\]'):
        QueryPseudoLabeler(C, K)(features(3), hidden(4))
