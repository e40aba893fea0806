import numpy as np
import pytest
import torch
from lattice_points import lattice, squares


def slow_three_nn(target, source):
    rows = [[sorted(range(source.shape[1]), key=lambda row: (squares(t, source[b])[row], row))[:3] for t in target[b]]
            for b in range(len(target))]
    distances = [[np.sqrt(squares(t, source[b])[rows[b][i]]) for i, t in enumerate(target[b])]
                 for b in range(len(target))]
    return np.array(distances), rows


@pytest.mark.parametrize('points', [3, 4, 60])
def test_nearest_equal_a_loop_with_ties(point_ops, loop, points):
    target, source = lattice(points=40), lattice(points=points, seed=1)
    found, rows = point_ops.three_nn(torch.from_numpy(target), torch.from_numpy(source))
    expected, expected_rows = slow_three_nn(target, source)
    assert rows.dtype == torch.int32
    assert rows.tolist() == expected_rows
    # Some processors' vectorised square roots are off by the last bit.
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-7)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_nearest_of_random_points(point_ops, loop, dtype):
    torch.manual_seed(0)
    target, source = torch.randn(3, 3, 41, dtype=dtype).transpose(1, 2), torch.randn(3, 17, 3, dtype=dtype)
    found, rows = point_ops.three_nn(target.requires_grad_(), source)
    expected, expected_rows = slow_three_nn(target.detach().numpy(), source.numpy())
    assert rows.tolist() == expected_rows
    torch.testing.assert_close(found.detach(), torch.from_numpy(expected).to(dtype))


@pytest.mark.parametrize('points', [0, 1, 2])
def test_fewer_than_three_points(point_ops, loop, points):
    target = torch.randn(2, 5, 3)
    distances, rows = point_ops.three_nn(target, target[:, :points])
    assert distances[..., points:].isinf().all() and distances[..., :points].isfinite().all()
    assert not rows[..., points:].any()


def test_no_target(point_ops, loop):
    distances, rows = point_ops.three_nn(torch.zeros(2, 0, 3), torch.zeros(2, 4, 3))
    assert distances.shape == rows.shape == (2, 0, 3)


def interpolation_inputs(dtype=torch.float64):
    torch.manual_seed(0)
    return (torch.randn(2, 4, 6, dtype=dtype, requires_grad=True), torch.randint(0, 6, (2, 9, 3), dtype=torch.int32),
            torch.rand(2, 9, 3, dtype=dtype))


def slow_interpolate(features, indices, weight):
    out = [torch.stack([sum(w * cloud[:, row] for row, w in zip(*pair)) for pair in zip(rows, weights)], 1)
           for cloud, rows, weights in zip(features, indices, weight)]
    return torch.stack(out)


def test_interpolation_equals_a_loop(point_ops):
    features, indices, weight = interpolation_inputs()
    found = point_ops.three_interpolate(features, indices, weight)
    expected = slow_interpolate(features, indices, weight)
    torch.testing.assert_close(found, expected)
    grad = torch.randn_like(expected).transpose(1, 2).contiguous().transpose(1, 2)
    torch.testing.assert_close(*(torch.autograd.grad(y, features, grad)[0] for y in (found, expected)))
    assert torch.autograd.gradcheck(lambda x: point_ops.three_interpolate(x, indices, weight), features)


def test_half_precision_features(point_ops):
    features, indices, weight = interpolation_inputs(torch.float32)
    half = features.detach().bfloat16().requires_grad_()
    found = point_ops.three_interpolate(half, indices, weight)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), slow_interpolate(features, indices, weight), rtol=0.05, atol=0.05)
    found.float().sum().backward()
    assert half.grad.isfinite().all()


def test_interpolate_nothing(point_ops):
    features, indices, weight = interpolation_inputs()
    found = point_ops.three_interpolate(features, indices[:, :0], weight[:, :0])
    assert found.shape == (2, 4, 0)
    found.sum().backward()
    assert not features.grad.any()
