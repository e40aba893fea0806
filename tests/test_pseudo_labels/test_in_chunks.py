"""Pseudo-logits in chunks against those of the plain path: values, gradients and what a labeler remembers."""
import copy

import pytest
import torch

from erda.losses import chunked_loss as module
from erda.losses.chunked_loss import ChunkedLogits, chunked_loss
from erda.losses.functional import distribution_alignment, entropy
from erda.pseudo_labels import PrototypePseudoLabeler, QueryPseudoLabeler

N, C, K = 50, 6, 4


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, 'CHUNK_ELEMENTS', dict(cpu=7 * module.MIN_COLUMNS))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    features = (torch.randn(N, C, generator=generator, dtype=torch.float64) + 5).requires_grad_()
    seg_logits = torch.randn(N, K, generator=generator, dtype=torch.float64).requires_grad_()
    labels = torch.full((N, ), -1)
    labels[::8] = torch.tensor([0, 1, 0, 3, 255, 1, 0])  # class 2 never occurs
    return features, labels, seg_logits


def labelers():
    torch.manual_seed(0)
    yield from (PrototypePseudoLabeler(C, K, hidden_channels=5, out_channels=3, num_layers=layers, learn_scale=learn)
                for layers, learn in ((1, False), (2, True), (3, False)))
    yield QueryPseudoLabeler(C, K, num_samples=N)


def eval_norms(labeler):
    for layer in labeler.projection:
        layer.train(not isinstance(layer, torch.nn.BatchNorm1d))


@pytest.mark.parametrize('norms_in_training', [True, False])
@pytest.mark.parametrize('number', range(4))
def test_equals_the_plain_path_over_two_steps(batch, number, norms_in_training):
    features, labels, seg_logits = batch
    plain = list(labelers())[number].double()
    chunked = copy.deepcopy(plain)
    weights = (labels == -1) / 40
    for _ in range(2):
        if not norms_in_training:
            eval_norms(plain)
            eval_norms(chunked)
        logits, lazy = plain(features, labels), chunked.in_chunks(features, labels)
        torch.testing.assert_close(lazy[torch.arange(N)], logits)
        expected = (weights * (entropy(logits) + distribution_alignment(logits, seg_logits))).sum()
        labelled = (labels == 0).nonzero().squeeze(1)  # as for a loss of their own
        expected = expected + logits[labelled].square().mean()
        loss = chunked_loss(lazy, seg_logits, weights) + lazy[labelled].square().mean()
        torch.testing.assert_close(loss, expected)
        wanted = torch.autograd.grad(expected, (features, seg_logits, *plain.parameters()))
        found = torch.autograd.grad(loss, (features, seg_logits, *chunked.parameters()))
        for a, b in zip(found, wanted):
            torch.testing.assert_close(a, b)
    for (name, a), b in zip(chunked.state_dict().items(), plain.state_dict().values()):
        torch.testing.assert_close(a, b, msg=name)


def test_single_precision_far_from_zero(batch):
    """The variance is a small difference of large numbers."""
    features, labels, _ = batch
    plain = next(labeler for labeler in labelers() if len(labeler.projection) == 4)
    chunked, exact = copy.deepcopy(plain), copy.deepcopy(plain).double()
    features = features.detach() + 1000
    expected = exact(features, labels)
    unseen = expected < -1e3
    error, plain_error = ((logits - expected).masked_fill(unseen, 0).abs().max() for logits in (
        chunked.in_chunks(features.float(), labels)[torch.arange(N)], plain(features.float(), labels)))
    assert error < 2 * plain_error + 1e-6


@pytest.mark.parametrize('count', [0, 1])
def test_too_few_rows_for_statistics(count):
    for labeler in labelers():
        logits = labeler.in_chunks(torch.randn(count, C), torch.zeros(count, dtype=torch.long))
        assert isinstance(logits, ChunkedLogits) and logits[torch.arange(count)].isfinite().all()


def test_rows_without_gradient(batch):
    features, labels, seg_logits = batch
    labeler = list(labelers())[1].double()
    loss = chunked_loss(labeler.in_chunks(features.detach(), labels), seg_logits, (labels == -1) / 40)
    loss.backward()
    assert features.grad is None and all(p.grad.any() for p in labeler.parameters())
