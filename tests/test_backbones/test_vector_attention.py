import pytest
import torch
from torch import nn

from erda.backbones.point_transitions import nearest
from erda.backbones.vector_attention import VectorAttention, VectorAttentionBlock
from erda.config import ConfigError


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def without_batch_statistics(module):
    """In evaluation mode, with statistics that are not 0 and 1."""
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
    return module.double().eval()


def slow_attention(attention, features, xyz, neighbours):
    """One point after the other; each module sees one column at a time."""

    def at(module, column):
        return module(column.view(1, -1, *[1] * (2 if isinstance(module, nn.Sequential) else 1))).flatten()

    out = torch.zeros_like(features)
    for scan in range(len(features)):
        for i, rows in enumerate(neighbours[scan].tolist()):
            own = features[scan, :, i]
            positions = [at(attention.position, xyz[scan, j] - xyz[scan, i]) for j in rows]
            weights = torch.stack([
                at(attention.weight, at(attention.key, features[scan, :, j]) - at(attention.query, own) + position)
                for j, position in zip(rows, positions)]).softmax(0)
            for weight, j, position in zip(weights, rows, positions):
                value = at(attention.value, features[scan, :, j]) + position
                for channel in range(len(own)):
                    out[scan, channel, i] += weight[channel % len(weight)] * value[channel]
    return out


def points(num=9, scans=2):
    xyz = torch.rand(scans, num, 3, dtype=torch.float64)
    return torch.rand(scans, 6, num, dtype=torch.float64, requires_grad=True), xyz, nearest(xyz, xyz, 4)


def test_against_slow_reference():
    attention = without_batch_statistics(VectorAttention(6, share=3))
    features, xyz, neighbours = points()
    assert torch.allclose(attention(features, xyz, neighbours), slow_attention(attention, features, xyz, neighbours))


def test_gradients():
    block = VectorAttentionBlock(8).double()
    features, xyz, neighbours = points(num=5, scans=1)
    features = torch.rand(1, 8, 5, dtype=torch.float64, requires_grad=True)
    xyz.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, positions: block(x, positions, neighbours), (features, xyz))
    block(features, xyz, neighbours).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())


def test_points_in_another_order():
    attention = without_batch_statistics(VectorAttention(6, share=3))
    features, xyz, neighbours = points()
    order = torch.randperm(9)
    moved = xyz[:, order].contiguous()
    out = attention(features[:, :, order].contiguous(), moved, nearest(moved, moved, 4))
    assert torch.allclose(out, attention(features, xyz, neighbours)[:, :, order], rtol=1e-12, atol=1e-12)


def test_weights_are_shared_evenly():
    with pytest.raises(ConfigError, match='12 channels'):
        VectorAttention(12)
