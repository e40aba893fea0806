import pytest
import torch


def slow_group(features, indices):
    return torch.stack([torch.stack([torch.stack([features[b, :, row] for row in rows], -1) for rows in indices[b]], 1)
                        for b in range(len(features))])


def inputs(shape, dtype=torch.int32):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 7, dtype=torch.float64, requires_grad=True)
    return features, torch.randint(0, 7, (2, *shape), dtype=dtype)


def assert_same_with_gradient(found, expected, features):
    assert found.equal(expected)
    grad = torch.randn_like(expected)
    torch.testing.assert_close(*(torch.autograd.grad(y, features, grad)[0] for y in (found, expected)))


@pytest.mark.parametrize('dtype', [torch.int32, torch.int64])
def test_gather_equals_a_loop(point_ops, dtype):
    features, indices = inputs((11,), dtype)
    expected = slow_group(features, indices.unsqueeze(-1)).squeeze(-1)
    assert_same_with_gradient(point_ops.gather_points(features, indices), expected, features)
    assert torch.autograd.gradcheck(lambda x: point_ops.gather_points(x, indices), features)


@pytest.mark.parametrize('shape', [(5, 4), (1, 1), (9, 1)])
def test_group_equals_a_loop(point_ops, shape):
    features, indices = inputs(shape)
    assert_same_with_gradient(point_ops.grouping_operation(features, indices), slow_group(features, indices), features)
    assert torch.autograd.gradcheck(lambda x: point_ops.grouping_operation(x, indices), features)


def test_group_other_layouts(point_ops):
    features, indices = inputs((5, 4))
    found = point_ops.grouping_operation(features.detach().transpose(1, 2).contiguous().transpose(1, 2),
                                         indices.transpose(1, 2).contiguous().transpose(1, 2))
    assert found.equal(slow_group(features.detach(), indices))


def test_gradient_in_another_layout(point_ops):
    features, indices = inputs((5, 4))
    weight = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    (point_ops.grouping_operation(features, indices).permute(0, 2, 3, 1) * weight).sum().backward()
    expected = torch.autograd.grad((slow_group(features, indices).permute(0, 2, 3, 1) * weight).sum(), features)[0]
    torch.testing.assert_close(features.grad, expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(point_ops, dtype):
    features, indices = inputs((5, 4))
    features = features.detach().to(dtype).requires_grad_()
    found = point_ops.grouping_operation(features, indices)
    assert found.dtype == dtype
    found.float().sum().backward()
    assert features.grad.float().sum() == found.numel()


def test_nothing(point_ops):
    features, _ = inputs(())
    assert point_ops.gather_points(features, torch.zeros(2, 0, dtype=torch.int32)).shape == (2, 3, 0)
    found = point_ops.grouping_operation(features, torch.zeros(2, 0, 4, dtype=torch.int32))
    assert found.shape == (2, 3, 0, 4)
    found.sum().backward()
    assert not features.grad.any()


def test_row_outside(point_ops):
    with pytest.raises(RuntimeError, match='out of bounds'):
        point_ops.gather_points(torch.zeros(1, 1, 3), torch.full((1, 1), 3, dtype=torch.int32))


@pytest.mark.parametrize('radius', [0.5, None])
def test_query_and_group(point_ops, radius):
    """mmcv's own user of grouping, ball query and kNN."""
    xyz, features = torch.randn(2, 50, 3), torch.randn(2, 4, 50)
    grouped, rows = point_ops.QueryAndGroup(radius, 6, return_grouped_idx=True)(xyz, xyz[:, :9].contiguous(), features)
    offsets = slow_group(xyz.transpose(1, 2), rows) - xyz[:, :9].transpose(1, 2).unsqueeze(-1)
    torch.testing.assert_close(grouped, torch.cat([offsets, slow_group(features, rows)], 1))
