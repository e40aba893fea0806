import pytest
import torch
import torch.nn.functional as F

from erda.pseudo_labels.cosine_similarity import cosine_similarity


@pytest.mark.parametrize('points', [0, 1, 7])
def test_as_torch_has_it(points):
    torch.manual_seed(0)
    embedding, vectors = torch.randn(points, 5, requires_grad=True), torch.randn(3, 5, requires_grad=True)
    expected = 4 * F.cosine_similarity(embedding[:, None], vectors, dim=-1)
    found = cosine_similarity(embedding, vectors, 4)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(points, 3)
    for of_found, of_expected in zip(*(torch.autograd.grad((x * weights).sum(), (embedding, vectors))
                                       for x in (found, expected))):
        torch.testing.assert_close(of_found, of_expected)


@pytest.mark.parametrize('length, tolerances', [(1, {}), (1e-7, dict(eps=1e-9, atol=1))])  # the second has no direction
def test_gradients(length, tolerances):
    torch.manual_seed(0)
    embedding, vectors = length * torch.randn(6, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    inputs = [x.requires_grad_() for x in (embedding, vectors, torch.tensor(2.0, dtype=torch.float64))]
    assert torch.autograd.gradcheck(cosine_similarity, inputs, **tolerances)


def test_an_embedding_of_zeros_is_like_no_class():
    embedding = torch.zeros(2, 4, requires_grad=True)
    cosine = cosine_similarity(embedding, torch.randn(3, 4), 1.0)
    cosine.sum().backward()
    assert (cosine == 0).all() and embedding.grad.isfinite().all()
