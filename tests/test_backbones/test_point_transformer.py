import pytest
import torch
from mmdet3d.registry import MODELS

from erda.backbones import PointTransformer
from erda.config import ConfigError
from erda.heads import PointTransformerHead

PUBLISHED = 7767729  # parameters of Pointcept's PointTransformer-Seg50 with 6 channels going in and 13 classes


def small(**changes):
    torch.manual_seed(0)
    return MODELS.build({**dict(type='PointTransformer', in_channels=5, channels=(16, 16, 32), blocks=(1, 1, 1),
                                num_neighbors=6), **changes})


def test_parameters_are_those_of_the_published_network():
    with torch.device('meta'):
        network, head = PointTransformer(in_channels=6), PointTransformerHead(channels=32, num_classes=13)
    found = sum(parameter.numel() for module in (network, head) for parameter in module.parameters())
    assert abs(found / PUBLISHED - 1) < 0.001


def test_shape_and_gradients():
    network, points = small(), torch.rand(2, 64, 5, requires_grad=True)
    out = network(points)
    assert out.shape == (2, 16, 64)
    out.square().sum().backward()
    assert points.grad.isfinite().all() and points.grad.any()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_points_in_another_order():
    """Furthest points are counted from the first one, so that stays in front."""
    network, points = small().eval(), torch.rand(2, 64, 5)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(63)])
    with torch.no_grad():
        assert torch.allclose(network(points[:, order]), network(points)[:, :, order], rtol=1e-5, atol=1e-5)


def test_a_scan_does_not_depend_on_the_others_of_its_batch():
    network, points = small().eval(), torch.rand(3, 40, 5)
    with torch.no_grad():
        assert torch.allclose(network(points)[1:2], network(points[1:2]), atol=1e-6)


@pytest.mark.parametrize('points', [torch.rand(1, 1, 5), torch.rand(1, 3, 5), torch.rand(1, 1, 5).repeat(1, 50, 1)])
def test_few_points_and_points_in_one_place(points):
    with torch.no_grad():
        out = small().eval()(points)
    assert out.shape == (1, 16, points.shape[1]) and out.isfinite().all()
    assert torch.allclose(out, out[:, :, :1], atol=1e-5) or len(points.unique(dim=1)[0]) > 1


def test_a_small_network_learns_a_scan_by_heart():
    torch.manual_seed(0)
    points = torch.rand(1, 256, 5)
    labels = torch.randint(3, (3, 3, 3))[(points[0, :, :3] * 3).long().unbind(1)]
    network, classifier = small(), torch.nn.Conv1d(16, 3, 1)
    optimizer = torch.optim.AdamW([*network.parameters(), *classifier.parameters()], lr=0.01)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(classifier(network(points))[0].T, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert (classifier(network.eval()(points))[0].argmax(0) == labels).float().mean() > 0.95


@pytest.mark.parametrize('changes, message', [(dict(blocks=(1, 1)), '3 channels, but 2 blocks'),
                                              (dict(channels=(16, 20, 32)), '20 channels cannot share')])
def test_bad_arguments(changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)
