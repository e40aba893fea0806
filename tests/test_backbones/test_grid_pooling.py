import torch

from erda.backbones.grid_pooling import GridPooling, GridUnpooling

PARENTS = torch.tensor([1, 0, 1, 2, 2, 2])
NORM = dict(type='LN')


def test_pooling_against_a_loop():
    torch.manual_seed(0)
    pooling, features = GridPooling(3, 4, NORM), torch.randn(6, 3)
    rows = pooling.proj(features)
    expected = torch.stack([rows[parent == PARENTS].amax(0) for parent in range(3)])
    assert torch.equal(pooling(features, PARENTS, 3), pooling.act(pooling.norm(expected)))


def test_unpooling_against_a_loop():
    torch.manual_seed(0)
    unpooling, features, skip = GridUnpooling(4, 3, 5, NORM), torch.randn(3, 4), torch.randn(6, 3)
    out, from_skip = unpooling(features, skip, PARENTS)
    expected = torch.stack([unpooling.proj_skip(skip[i]) + unpooling.proj(features[parent])
                            for i, parent in enumerate(PARENTS.tolist())])
    assert torch.allclose(out, expected, atol=1e-6) and torch.equal(from_skip, unpooling.proj_skip(skip))


def test_gradients():
    torch.manual_seed(0)
    pooling, unpooling = GridPooling(3, 4, NORM).double(), GridUnpooling(4, 3, 5, NORM).double()
    features = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: unpooling(pooling(x, PARENTS, 3), x, PARENTS)[0], (features, ))
