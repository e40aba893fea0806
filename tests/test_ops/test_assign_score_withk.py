import pytest
import torch

B, N0, N1, M, K, O = 2, 9, 5, 3, 4, 6  # noqa: E741


def inputs(dtype=torch.float64):
    torch.manual_seed(0)
    scores = torch.randn(B, N1, K, M, dtype=dtype, requires_grad=True)
    points, centers = (torch.randn(B, N0, M, O, dtype=dtype, requires_grad=True) for _ in range(2))
    return scores, points, centers, torch.randint(0, N0, (B, N1, K))


def slow(scores, points, centers, knn_idx):
    out = torch.zeros(B, O, N1, K, dtype=scores.dtype)
    for b in range(B):
        for n in range(N1):
            for k in range(K):
                center, neighbor = knn_idx[b, n, 0], knn_idx[b, n, k]
                if 0 <= neighbor < N0:
                    for m in range(M):
                        out[b, :, n, k] += scores[b, n, k, m] * (points[b, neighbor, m] - centers[b, center, m])
    return out


def assert_same_with_gradients(found, expected, tensors):
    torch.testing.assert_close(found, expected)
    grad = torch.randn_like(expected).transpose(1, 3).contiguous().transpose(1, 3)
    for a, b in zip(torch.autograd.grad(found, tensors, grad), torch.autograd.grad(expected, tensors, grad)):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('aggregate', ['sum', 'avg', 'max'])
def test_equals_a_loop(point_ops, aggregate):
    *tensors, knn_idx = inputs()
    found = point_ops.assign_score_withk(*tensors, knn_idx, aggregate)
    assert_same_with_gradients(found, slow(*tensors, knn_idx), tensors)


def test_gradcheck(point_ops):
    *tensors, knn_idx = inputs()
    assert torch.autograd.gradcheck(lambda *x: point_ops.assign_score_withk(*x, knn_idx), tensors)


def test_rows_outside_are_no_neighbours(point_ops):
    *tensors, knn_idx = inputs()
    knn_idx[:, :, 1] = N0
    knn_idx[0, 0, 2] = -1
    assert_same_with_gradients(point_ops.assign_score_withk(*tensors, knn_idx), slow(*tensors, knn_idx), tensors)


def test_other_layouts(point_ops):
    *tensors, knn_idx = inputs()
    expected = point_ops.assign_score_withk(*tensors, knn_idx)
    others = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (*tensors, knn_idx)]
    assert point_ops.assign_score_withk(*others).equal(expected)


def test_without_centers(point_ops):
    scores, points, centers, knn_idx = inputs()
    found = point_ops.assign_score_withk(scores[:, :0], points, centers, knn_idx[:, :0])
    assert found.shape == (B, O, 0, K)
    found.sum().backward()
    assert not points.grad.any() and not centers.grad.any()


def test_under_autocast(point_ops):
    scores, points, centers, knn_idx = inputs(torch.float32)
    expected = slow(scores, points, centers, knn_idx)
    with torch.autocast('cpu', torch.bfloat16):
        assert_same_with_gradients(point_ops.assign_score_withk(scores, points, centers, knn_idx), expected,
                                   (scores, points, centers))
        found = point_ops.assign_score_withk(scores, points.bfloat16(), centers.bfloat16(), knn_idx)
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)
