import math

import pytest
import torch

from erda.backbones.local_feature_aggregation import (
    AttentivePooling,
    DilatedResidualBlock,
    SharedMLP,
    relative_positions,
)

NORM = dict(type='BN1d')


def double(module, training=True):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module.double().train(training)


def cloud(num_points=7, neighbors=4, channels=6):
    generator = torch.Generator().manual_seed(0)
    draw = torch.rand(num_points, 3 + channels, generator=generator, dtype=torch.float64)
    near = torch.randint(num_points, (num_points, neighbors), generator=generator)
    return draw[:, 3:].clone().requires_grad_(), draw[:, :3].clone(), near


def test_relative_positions_point_by_point():
    _, xyz, near = cloud()
    encoded = relative_positions(xyz, near)
    for i, row in enumerate(near.tolist()):
        for k, j in enumerate(row):
            here, there = xyz[i].tolist(), xyz[j].tolist()
            difference = [a - b for a, b in zip(here, there)]
            expected = [math.sqrt(sum(d * d for d in difference)), *difference, *here, *there]
            assert encoded[i, k].tolist() == pytest.approx(expected, abs=1e-12)


def test_attentive_pooling_is_a_weighted_mean_of_each_channel():
    pool = double(AttentivePooling(3, 2, NORM), training=False)
    x = torch.rand(2, 4, 3, dtype=torch.float64)
    rows = torch.zeros(2, 3, dtype=torch.float64)
    for n in range(2):
        scores = [pool.score.weight @ x[n, k] for k in range(4)]
        for channel in range(3):
            total = sum(math.exp(score[channel]) for score in scores)
            rows[n, channel] = sum(math.exp(scores[k][channel]) / total * x[n, k, channel] for k in range(4))
    torch.testing.assert_close(pool(x), pool.mlp(rows))


@pytest.mark.parametrize('training', [True, False])
def test_gradients_of_the_blocks(training):
    features, xyz, near = cloud()
    block = double(DilatedResidualBlock(6, 4, NORM), training)
    assert block(features, xyz, near).shape == (7, 8)
    assert torch.autograd.gradcheck(lambda *inputs: block(*inputs, near), (features, xyz.requires_grad_()))
    x = torch.rand(5, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(double(AttentivePooling(4, 2, NORM), training), x)


def test_a_point_that_is_its_own_neighbour_has_a_gradient():
    """The distance of a point to itself has none in a formula."""
    features, xyz, _ = cloud()
    xyz.requires_grad_()
    own = torch.arange(len(xyz)).view(-1, 1).expand(-1, 4)
    double(DilatedResidualBlock(6, 4, NORM))(features, xyz, own).sum().backward()
    assert xyz.grad.isfinite().all() and features.grad.isfinite().all()


def test_an_mlp_takes_any_leading_shape():
    mlp = double(SharedMLP(3, 2, NORM), training=False)
    x = torch.rand(2, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(mlp(x)[1], mlp(x[1]))
