import numpy as np
import pytest
import torch
import torch.nn.functional as F

from erda.backbones import RandLANet
from erda.config import ConfigError
from erda.heads import RandLANetHead
from erda.sampling import PointPyramid, join_pyramids, point_pyramid

RATIOS, NEIGHBORS = (4, 2), 8
NORM = dict(type='BN1d')


def small(training=False, **kwargs):
    torch.manual_seed(0)
    net = RandLANet(6, **{'channels': (4, 8), 'ratios': RATIOS, 'num_neighbors': NEIGHBORS, **kwargs})
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.bias)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return net.train(training)


def scans(batch=1, num_points=100, seed=0):
    return torch.rand(batch, num_points, 6, generator=torch.Generator().manual_seed(seed))


def pyramid_of(points, seed=1):
    return join_pyramids([point_pyramid(scan[:, :3].numpy(), NEIGHBORS, RATIOS, np.random.default_rng(seed))
                          for scan in points])


def features(net, points, pyramid=None):
    with torch.no_grad():
        return net(points, pyramid)['point_features']


def test_as_many_parameters_as_in_the_paper():
    """1.24 M in table 1 of https://arxiv.org/abs/1911.11236, which is on SemanticKITTI: x, y, z, four levels, 19
    classes. The authors' code has a fifth level for S3DIS, which alone has three times as many."""
    published = [RandLANet(3, (16, 64, 128, 256), (4, 4, 4, 4)),
                 RandLANetHead(in_channels=32, channels=32, num_classes=19, ignore_index=19)]
    count = sum(parameter.numel() for module in published for parameter in module.parameters())
    assert count == pytest.approx(1.24e6, rel=0.01)


def test_shapes():
    assert features(small(), scans(2)).shape == (2, 8, 100)
    assert [tuple(mlp.linear.weight.shape) for mlp in small().decoder] == [(8, 16), (8, 24)]


def test_points_in_another_order():
    """The same tables, with their rows and what they point to in the other order."""
    net, points = small(), scans()
    tables, order = pyramid_of(points), torch.randperm(100)
    place = order.argsort()
    permuted = PointPyramid([place[tables.neighbors[0][order]], tables.neighbors[1]],
                            [place[tables.kept[0]], tables.kept[1]], [tables.nearest[0][order], tables.nearest[1]])
    expected = features(net, points, tables)[:, :, order]
    torch.testing.assert_close(features(net, points[:, order], permuted), expected, rtol=0, atol=1e-6)


def test_scans_of_a_batch_do_not_see_each_other():
    net, points = small(), scans(3)
    alone = torch.cat([features(net, scan[None], pyramid_of(scan[None])) for scan in points])
    torch.testing.assert_close(features(net, points, pyramid_of(points)), alone, rtol=1e-5, atol=1e-5)


def test_a_point_learns_of_others_on_coarser_levels():
    """On level 0 two neighbourhoods reach 1 m along a line, on level 1 they reach 4 m."""
    net, points = small(), scans(num_points=400)
    points[..., :3] *= torch.tensor([50., 1, 1])
    tables = pyramid_of(points)
    changed = points.clone()
    changed[..., 3:] += 10 * torch.where(points[..., :1] < 0.5, torch.tensor([1., -1, 2]), 0)
    difference = (features(net, changed, tables) - features(net, points, tables)).abs().sum(dim=1)[0]
    reached = points[0, difference > 1e-6, 0].max()
    assert 2 < reached < 12


@pytest.mark.parametrize('num_points', [1, 5])
def test_few_points(num_points):
    assert features(small(), scans(num_points=num_points)).isfinite().all()


def test_points_that_lie_on_each_other():
    points = scans(num_points=1).expand(-1, 100, -1)
    x = features(small(), points)
    assert x.isfinite().all() and (x - x[..., :1]).abs().max() < 1e-5


def test_in_evaluation_neighbours_are_found_where_they_are_not_given():
    net, points = small(), scans(2)
    tables = join_pyramids([point_pyramid(scan[:, :3].numpy(), NEIGHBORS, RATIOS, np.random.default_rng(0))
                            for scan in points])
    assert torch.equal(features(net, points), features(net, points, tables))


def test_training_does_not_search_without_a_word():
    with pytest.raises(ConfigError, match=r"put dict\(type='NeighborTables', num_neighbors=8, ratios=\(4, 2\)\) beh"):
        small(training=True)(scans())


@pytest.mark.parametrize('changes', [dict(ratios=(4, 2, 2), channels=(4, 8, 8)), dict(num_neighbors=4)])
def test_tables_of_another_network(changes):
    with pytest.raises(ConfigError, match='the pyramid 2 and 8: the pipeline needs'):
        features(small(**changes), scans(), pyramid_of(scans()))


def test_too_few_points_to_train_on():
    points = scans(num_points=9)
    with pytest.raises(ConfigError, match='1 point of a batch of'):
        small(training=True)(points, pyramid_of(points))


def test_levels_that_do_not_fit():
    with pytest.raises(ConfigError, match='a number for each level'):
        small(channels=(4, 8, 16))


def test_learns_a_scan_by_heart():
    """Stripes of a noisy plane, which neither colours nor one coordinate tell apart."""
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 2, (800, 3)) * [1, 1, 0.05]
    labels = torch.from_numpy(((xyz[:, 0] + xyz[:, 1]) * 2).astype(int) % 3)
    points = torch.from_numpy(np.hstack([xyz, rng.random((800, 3))]).astype(np.float32))[None]
    tables = pyramid_of(points)
    torch.manual_seed(0)
    net = RandLANet(6, (8, 16), RATIOS, NEIGHBORS, norm_cfg=NORM)
    head = RandLANetHead(in_channels=16, channels=16, num_classes=3, hidden_channels=(), dropout_ratio=0)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=100)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(head(net(points, tables))[0].T, labels).backward()
        optimizer.step()
        schedule.step()
    predicted = head.eval()(net.eval()(points, tables))[0].argmax(dim=0)
    assert (predicted == labels).float().mean() > 0.95
