import math

import pytest
import torch

from erda.backbones.local_aggregation import Neighborhood, PositionPooling, PseudoGrid, build_aggregation
from erda.config import ConfigError

RADIUS = 0.5


def near_of(num_points=8, num_centers=5, count=4):
    """Of centres among points, one neighbour to all of them each."""
    torch.manual_seed(0)
    xyz, centers = (torch.rand(number, 3, dtype=torch.float64) for number in (num_points, num_centers))
    rows = torch.randint(num_points, (num_centers, count))
    rows[torch.arange(count) >= torch.arange(num_centers)[:, None] % count + 1] = -1
    return Neighborhood.of(centers, xyz, rows, RADIUS), centers, xyz, rows


def features(channels, num_points=8):
    return torch.rand(num_points, channels, dtype=torch.float64, requires_grad=True)


def neighbours(rows, centers, xyz, center):
    """Row and offset in radii of each neighbour."""
    return [(j, [float(d) / RADIUS for d in xyz[j] - centers[center]]) for j in rows[center].tolist() if j >= 0]


def test_position_pooling_point_by_point():
    near, centers, xyz, rows = near_of()
    x = features(6)
    out = PositionPooling(6)(x, near)
    for center in range(len(centers)):
        found = neighbours(rows, centers, xyz, center)
        for channel in range(6):
            expected = sum(float(x[j, channel]) * offset[channel % 3] for j, offset in found) / len(found)
            assert float(out[center, channel]) == pytest.approx(expected)


def test_sines_and_cosines_point_by_point():
    near, centers, xyz, rows = near_of()
    x = features(12)
    out = PositionPooling(12, sin_cos=True)(x, near)
    for center in range(len(centers)):
        found = neighbours(rows, centers, xyz, center)
        for channel in range(12):
            axis, kind, wave = channel // 4, (math.sin, math.cos)[channel % 4 // 2], channel % 2
            expected = sum(float(x[j, channel]) * kind(100 * offset[axis] / 1000**(wave / 2)) for j, offset in found)
            assert float(out[center, channel]) == pytest.approx(expected / len(found))


def test_pseudo_grid_point_by_point():
    near, centers, xyz, rows = near_of()
    x, pool = features(5), PseudoGrid(5).double()
    out = pool(x, near)
    for center in range(len(centers)):
        expected = torch.zeros(5, dtype=torch.float64)
        for j, offset in neighbours(rows, centers, xyz, center):
            for point, weight in zip(pool.kernel.tolist(), pool.weight):
                expected += max(0, 1 - math.dist(point, offset) / 0.4) * weight * x[j]
        torch.testing.assert_close(out[center], expected)


def test_max_of_the_neighbours_that_there_are():
    near, centers, xyz, rows = near_of()
    x = features(3) - 5
    expected = torch.stack([x[[j for j in row if j >= 0]].amax(0) for row in rows.tolist()])
    assert torch.equal(near.max(x), expected)


@pytest.mark.parametrize('kind', ['pospool', 'pospool_sin_cos', 'pseudo_grid'])
def test_gradients(kind):
    near, *_ = near_of()
    pool = build_aggregation(kind, 6).double()
    assert torch.autograd.gradcheck(lambda x: pool(x, near) + near.max(x), (features(6), ))


@pytest.mark.parametrize('kind, channels, message', [
    ('pospool', 4, '4 channels cannot be divided by 3'), ('pospool_sin_cos', 9, '9 channels cannot be divided by 6'),
    ('mlp', 6, "aggregation='mlp' is not one of")])
def test_bad_arguments(kind, channels, message):
    with pytest.raises(ConfigError, match=message):
        build_aggregation(kind, channels)
