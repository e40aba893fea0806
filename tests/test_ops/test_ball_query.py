import numpy as np
import pytest
import torch
from lattice_points import lattice, squares


def slow_ball_query(min_radius, max_radius, samples, xyz, centers):
    idx = np.zeros((*centers.shape[:2], samples), int)
    for b in range(len(xyz)):
        for i, center in enumerate(centers[b]):
            d = squares(center, xyz[b])
            hits = [row for row in range(len(d)) if d[row] == 0 or min_radius**2 <= d[row] < max_radius**2][:samples]
            if hits:
                idx[b, i] = hits + [hits[0]] * (samples - len(hits))
    return idx.tolist()


@pytest.mark.parametrize('min_radius, max_radius, samples', [(0, 2, 8), (1, 3, 8), (0, 0.5, 5), (0, 9, 300), (2, 4, 1)])
def test_equals_a_loop(point_ops, loop, min_radius, max_radius, samples):
    """On a lattice points lie exactly on both radii."""
    xyz = lattice()
    centers = np.concatenate([xyz[:, ::7], np.full((2, 1, 3), 50, np.float32)], 1)
    found = point_ops.ball_query(min_radius, max_radius, samples, torch.from_numpy(xyz), torch.from_numpy(centers))
    assert found.dtype == torch.int32
    assert found.tolist() == slow_ball_query(min_radius, max_radius, samples, xyz, centers)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_random_points(point_ops, loop, dtype):
    torch.manual_seed(0)
    xyz, centers = torch.randn(3, 101, 3, dtype=dtype), torch.randn(3, 17, 3, dtype=dtype, requires_grad=True)
    found = point_ops.ball_query(0.3, 1.1, 6, xyz, centers)
    assert found.tolist() == slow_ball_query(0.3, 1.1, 6, xyz.numpy(), centers.detach().numpy())


def test_in_chunks(point_ops, loop, monkeypatch):
    xyz = torch.from_numpy(lattice())
    expected = point_ops.ball_query(0, 2, 5, xyz, xyz)
    monkeypatch.setattr('erda.ops.squared_distance.PAIRS_PER_CHUNK', 1000)
    assert point_ops.ball_query(0, 2, 5, xyz, xyz).equal(expected)


def test_points_of_several_pieces(point_ops, monkeypatch):
    """As on other devices, also where a ball ends with a piece and where it has points of all."""
    xyz = torch.from_numpy(lattice(points=2500))
    centers = xyz[:, ::50].contiguous()
    balls = [(0, 2, 40), (1, 3, 8), (0, 9, 2500), (2, 4, 1)]
    found = [point_ops.ball_query(*ball, xyz, centers) for ball in balls]
    monkeypatch.setattr('erda.ops.ball_query.takes_compiled_loop', lambda points: False)
    assert all(x.equal(point_ops.ball_query(*ball, xyz, centers)) for x, ball in zip(found, balls))


def test_single_point_and_none(point_ops, loop):
    one = torch.ones(1, 1, 3)
    assert point_ops.ball_query(0, 1, 3, one, one).tolist() == [[[0, 0, 0]]]
    assert point_ops.ball_query(0, 1, 3, one, one[:, :0]).shape == (1, 0, 3)
    if loop == 'numba':
        assert point_ops.ball_query(0, 1, 3, one[:, :0], one).tolist() == [[[0, 0, 0]]]


def test_wrong_shape(point_ops):
    with pytest.raises(ValueError, match=r'\[B, N, 3\] expected, \[1, 5, 4\] given'):
        point_ops.ball_query(0, 1, 3, torch.zeros(1, 5, 4), torch.zeros(1, 5, 4))
