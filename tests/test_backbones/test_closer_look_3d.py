import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS

from erda.backbones import CloserLook3D
from erda.backbones.closer_look_3d import Bottleneck
from erda.backbones.local_aggregation import Neighborhood
from erda.config import ConfigError
from erda.heads import PointTransformerHead
from erda.sampling import GridPyramid, grid_pyramid, join_pyramids

GRIDS = dict(voxel_size=0.1, radius=0.25, num_neighbors=(6, 8, 8))
# Parameters of the layers in the authors' PyTorch code, cfgs/s3dis/pospool_xyz_avg.yaml: four channels going in, 13
# classes. https://github.com/zeliu98/CloserLook3D
PUBLISHED = 18368149
AGGREGATED = 72 + 72 + 2 * (144 + 288 + 576 + 1152)  # channels of all ten aggregations


def small(training=False, **kwargs):
    torch.manual_seed(0)
    net = MODELS.build(dict(type='CloserLook3D', in_channels=6, **{**GRIDS, 'channels': 12, **kwargs}))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.bias)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return net.train(training)


def scans(batch=1, num_points=100, seed=0):
    return torch.rand(batch, num_points, 6, generator=torch.Generator().manual_seed(seed))


def pyramid_of(points):
    return join_pyramids([grid_pyramid(scan[:, :3].numpy(), **GRIDS) for scan in points])


def features(net, points, pyramid=None):
    with torch.no_grad():
        return net(points, pyramid)


@pytest.mark.parametrize('aggregation, more', [('pospool', 0), ('pospool_sin_cos', 0),
                                               ('pseudo_grid', 15 * AGGREGATED)])
def test_parameters_are_those_of_the_published_network(aggregation, more):
    with torch.device('meta'):  # shapes alone
        network, head = CloserLook3D(6, aggregation=aggregation), PointTransformerHead(channels=72, num_classes=13)
    found = sum(parameter.numel() for module in (network, head) for parameter in module.parameters())
    assert found == PUBLISHED + more


@pytest.mark.parametrize('aggregation', ['pospool', 'pospool_sin_cos', 'pseudo_grid'])
def test_shape_and_gradients(aggregation):
    net, points = small(training=True, aggregation=aggregation), scans(2).requires_grad_()
    out = net(points, pyramid_of(points.detach()))
    assert out.shape == (2, 6, 100)
    out.square().sum().backward()
    assert points.grad.isfinite().all() and points.grad.any()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())


@pytest.mark.parametrize('pooled', [False, True])
def test_gradients_of_a_bottleneck(pooled):
    torch.manual_seed(0)
    block = Bottleneck(4, 6, 'pospool', dict(type='BN1d')).double()
    xyz, x = torch.rand(7, 3).double(), torch.rand(7, 4, dtype=torch.float64, requires_grad=True)
    centers = xyz[:5] + 0.01 if pooled else xyz
    near = Neighborhood.of(centers, xyz, torch.randint(7, (len(centers), 3)), 1.0)
    assert torch.autograd.gradcheck(lambda features: block(features, near, pooled), (x, ))


def test_points_in_another_order():
    """The same tables, with their rows and what they point to in the other order."""
    net, points = small(), scans()
    tables, order = pyramid_of(points), torch.randperm(100)
    place = torch.cat([order.argsort(), torch.tensor([-1])])  # -1 stays -1
    permuted = GridPyramid(tables.xyz, [place[tables.neighbors[0][order]], *tables.neighbors[1:]],
                           [place[tables.pooled[0]], *tables.pooled[1:]],
                           [tables.nearest[0][order], *tables.nearest[1:]])
    expected = features(net, points, tables)[:, :, order]
    torch.testing.assert_close(features(net, points[:, order], permuted), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(features(net, points[:, order]), expected, rtol=1e-4, atol=1e-4)


def test_scans_of_a_batch_do_not_see_each_other():
    net, points = small(), scans(3)
    alone = torch.cat([features(net, scan[None], pyramid_of(scan[None])) for scan in points])
    torch.testing.assert_close(features(net, points, pyramid_of(points)), alone, rtol=1e-5, atol=1e-5)


def test_the_same_thing_elsewhere_has_the_same_features():
    """By multiples of the coarsest voxels, so that grids stay what they are."""
    net, points = small(), scans()
    moved = points + torch.tensor([0.8, -1.6, 0, 0, 0, 0])
    torch.testing.assert_close(features(net, moved), features(net, points), rtol=1e-4, atol=1e-4)


def test_a_point_learns_of_others_on_coarser_levels():
    """At most 0.5 m away on level 0, which has two aggregations, and further only through the others."""
    net, points = small(), scans(num_points=400)
    points[..., 0] *= 8
    changed = points.clone()
    changed[..., 3:] += 10 * torch.where(points[..., :1] < 0.5, torch.tensor([1., -1, 2]), 0)
    difference = (features(net, changed) - features(net, points)).abs().sum(dim=1)[0]
    assert 1.2 < points[0, difference > 1e-6, 0].max() < 7


@pytest.mark.parametrize('num_points', [1, 5])
def test_few_points(num_points):
    assert features(small(), scans(num_points=num_points)).isfinite().all()


def test_points_that_lie_on_each_other():
    x = features(small(), scans(num_points=1).expand(-1, 100, -1))
    assert x.isfinite().all() and (x - x[..., :1]).abs().max() < 1e-5


def test_training_does_not_search_without_a_word():
    with pytest.raises(ConfigError, match=r"put dict\(type='GridNeighborTables', voxel_size=0.1, radius=0.25, num_nei"):
        small(training=True)(scans())


def test_tables_of_another_network():
    with pytest.raises(ConfigError, match=r'has \(6, 8\) neighbours on its levels, the pyramid \(6, 8, 8\)'):
        features(small(num_neighbors=(6, 8)), scans(), pyramid_of(scans()))


def test_too_few_points_to_train_on():
    points = scans(num_points=9) * 0.05
    with pytest.raises(ConfigError, match='1 point of a batch of'):
        small(training=True)(points, pyramid_of(points))


def test_a_level_without_blocks():
    with pytest.raises(ConfigError, match='blocks=0'):
        small(blocks=0)


@pytest.mark.parametrize('aggregation', ['pospool', 'pseudo_grid'])
def test_learns_a_scan_by_heart(aggregation):
    """Stripes of a noisy plane, which colours tell apart only if those of a neighbourhood are taken together."""
    rng = np.random.default_rng(0)
    xyz = rng.uniform(0, 2, (500, 3)) * [1, 1, 0.05]
    labels = torch.from_numpy(((xyz[:, 0] + xyz[:, 1]) * 2).astype(int) % 3)
    points = torch.from_numpy(np.hstack([xyz, rng.random((500, 3))]).astype(np.float32))[None]
    points[0, :, 3] += 0.5 * labels
    tables = pyramid_of(points)
    torch.manual_seed(0)
    net = CloserLook3D(6, 24, aggregation=aggregation, **GRIDS)
    head = PointTransformerHead(channels=12, num_classes=3, dropout_ratio=0)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=80)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(head(net(points, tables))[0].T, labels).backward()
        optimizer.step()
        schedule.step()
    predicted = head.eval()(net.eval()(points, tables))[0].argmax(dim=0)
    assert (predicted == labels).float().mean() > 0.95
