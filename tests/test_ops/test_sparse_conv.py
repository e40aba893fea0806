from functools import partial

import pytest
import torch
import torch.nn.functional as F
from test_ops.made_voxels import SHAPE, voxels
from test_ops.same_gradients import assert_same_with_gradients

from erda.ops import pair_tiles
from erda.ops.sparse_conv import pointwise_convolution, sparse_convolution
from erda.ops.sparse_pool import sparse_max_pool
from erda.ops.sparse_tables import conv_output_shape, strided_table, submanifold_table

assert_same = partial(assert_same_with_gradients, rtol=1e-10, atol=1e-10)


def to_dense(features, indices, shape, batch_size=2):
    dense = features.new_zeros(batch_size, *shape, features.shape[1])
    return dense.index_put(tuple(indices.long().t()), features).permute(0, 4, 1, 2, 3)


def at_voxels(dense, indices):
    return dense.permute(0, 2, 3, 4, 1)[tuple(indices.long().t())]


def dense_weight(weight, kernel_size):
    """``[K, C_in, C_out]`` to ``[C_out, C_in, *kernel]``."""
    return weight.unflatten(0, tuple(kernel_size)).permute(4, 3, 0, 1, 2)


def random_pair(indices, kernel_size, dtype=torch.float64, c_in=3, c_out=5):
    torch.manual_seed(1)
    volume = kernel_size[0] * kernel_size[1] * kernel_size[2]
    return (torch.randn(len(indices), c_in, dtype=dtype, requires_grad=True),
            torch.randn(volume, c_in, c_out, dtype=dtype, requires_grad=True))


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize('kernel_size, dilation', [
    ((3, 3, 3), (1, 1, 1)), ((3, 1, 5), (1, 1, 1)), ((3, 3, 3), (2, 1, 2)), ((1, 1, 3), (1, 1, 1)),
    ((5, 5, 5), (1, 1, 1)), ((3, 3, 3), (1, 2, 1))])
def test_submanifold_equals_dense(kernel_size, dilation, threads):
    indices = voxels()
    features, weight = random_pair(indices, kernel_size)
    table = submanifold_table(indices, SHAPE, kernel_size, dilation)
    padding = [k // 2 * d for k, d in zip(kernel_size, dilation)]
    expected = at_voxels(F.conv3d(to_dense(features, indices, SHAPE),
                                  dense_weight(weight, kernel_size),
                                  padding=padding, dilation=dilation), indices)
    assert_same(sparse_convolution(features, weight, table), expected,
                               (features, weight))


def test_submanifold_with_an_even_kernel_centres_at_half_its_size():
    indices, kernel_size = voxels(), (2, 3, 2)
    features, weight = random_pair(indices, kernel_size)
    table = submanifold_table(indices, SHAPE, kernel_size, (1, 1, 1))
    dense = F.pad(to_dense(features, indices, SHAPE), (1, 0, 1, 1, 1, 0))
    expected = at_voxels(F.conv3d(dense, dense_weight(weight, kernel_size)), indices)
    assert_same(sparse_convolution(features, weight, table), expected,
                               (features, weight))


@pytest.mark.parametrize('kernel, stride, padding, dilation', [
    (2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 1), (3, 1, 0, 2), (1, 2, 0, 1), (3, 3, 0, 1)])
def test_strided_and_its_inverse_equal_dense(kernel, stride, padding, dilation, threads):
    indices = voxels()
    geometry = ([kernel] * 3, [stride] * 3, [padding] * 3, [dilation] * 3)
    out_shape = conv_output_shape(SHAPE, *geometry)
    features, weight = random_pair(indices, [kernel] * 3)
    out_indices, table = strided_table(indices, SHAPE, out_shape, *geometry)

    dense = F.conv3d(to_dense(features, indices, SHAPE), dense_weight(weight, geometry[0]),
                     stride=stride, padding=padding, dilation=dilation)
    assert list(dense.shape[2:]) == out_shape
    out = sparse_convolution(features, weight, table)
    assert_same(out, at_voxels(dense, out_indices), (features, weight))
    # Every output that any voxel reaches is there, and sorted by (batch, z, y, x).
    reach = F.conv3d(to_dense(torch.ones(len(indices), 1), indices, SHAPE),
                     torch.ones(1, 1, *geometry[0]), stride=stride, padding=padding,
                     dilation=dilation)[:, 0]
    assert torch.equal(out_indices.long(), reach.nonzero())

    coarse, up_weight = random_pair(out_indices, [kernel] * 3)
    smallest = [(n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 for n in out_shape]
    dense = F.conv_transpose3d(to_dense(coarse, out_indices, out_shape),
                               dense_weight(up_weight, geometry[0]).transpose(0, 1),
                               stride=stride, padding=padding, dilation=dilation,
                               output_padding=[n - s for n, s in zip(SHAPE, smallest)])
    assert_same(sparse_convolution(coarse, up_weight, table.inverse()),
                               at_voxels(dense, indices), (coarse, up_weight))


def test_transposed_equals_dense():
    indices = voxels((4, 3, 5))
    features, weight = random_pair(indices, (3, 3, 3))
    dense = F.conv_transpose3d(to_dense(features, indices, (4, 3, 5)),
                               dense_weight(weight, (3, 3, 3)).transpose(0, 1), stride=2,
                               padding=1)
    out_indices, table = strided_table(indices, (4, 3, 5), dense.shape[2:], [3] * 3, [2] * 3,
                                       [1] * 3, [1] * 3, transposed=True)
    assert_same(sparse_convolution(features, weight, table),
                               at_voxels(dense, out_indices), (features, weight))


@pytest.mark.parametrize('sort', [True, False])
def test_blocks_of_rows_change_nothing(monkeypatch, sort):
    indices = voxels((12, 11, 10))
    if sort:
        indices = indices[indices.double().matmul(torch.tensor([1e6, 1e4, 1e2, 1.]).double())
                          .argsort()]
    results = []
    for rows in (1 << 20, 50):
        monkeypatch.setattr(pair_tiles, 'TARGETS_PER_BLOCK', rows)
        features, weight = random_pair(indices, (3, 3, 3))
        table = submanifold_table(indices, (12, 11, 10), (3, 3, 3), (1, 1, 1))
        out = sparse_convolution(features, weight, table)
        results.append((out, *torch.autograd.grad(out.square().sum(), (features, weight))))
    assert len(table.tiles().blocks) > 1
    for a, b in zip(*results):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('num', [0, 1])
def test_no_voxel_and_one_voxel(num):
    indices = torch.tensor([[0, 2, 3, 4]], dtype=torch.int32)[:num]
    features, weight = random_pair(indices, (3, 3, 3))
    out = sparse_convolution(features, weight,
                             submanifold_table(indices, SHAPE, [3] * 3, [1] * 3))
    torch.testing.assert_close(out, features @ weight[13])
    coarse, table = strided_table(indices, SHAPE, [5, 4, 4], [3] * 3, [2] * 3, [1] * 3, [1] * 3)
    down = sparse_convolution(features, weight, table)
    up = sparse_convolution(down, weight.transpose(1, 2), table.inverse())
    assert coarse.shape[1] == 4 and down.shape == (len(coarse), 5) and up.shape == (num, 3)
    (out.sum() + up.sum()).backward()
    assert features.grad.shape == features.shape and weight.grad.isfinite().all()


def test_gradcheck():
    indices = voxels((3, 3, 3), batch_size=1, share=0.4)
    features, weight = random_pair(indices, (3, 3, 3), c_in=2, c_out=2)
    table = submanifold_table(indices, (3, 3, 3), [3] * 3, [1] * 3)
    assert torch.autograd.gradcheck(lambda f, w: sparse_convolution(f, w, table),
                                    (features, weight))


def test_non_contiguous_arguments_and_a_frozen_weight():
    indices = voxels()
    table = submanifold_table(indices, SHAPE, [3] * 3, [1] * 3)
    features, weight = random_pair(indices, (3, 3, 3))
    expected = sparse_convolution(features, weight, table)
    strided = features.detach().t().contiguous().t().requires_grad_()
    frozen = weight.detach().permute(2, 0, 1).contiguous().permute(1, 2, 0)
    found = sparse_convolution(strided, frozen, table)
    torch.testing.assert_close(found, expected)
    grad = torch.randn(expected.shape[::-1], dtype=torch.float64).t()
    torch.testing.assert_close(torch.autograd.grad(found, strided, grad)[0],
                               torch.autograd.grad(expected, features, grad)[0])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('autocast', [True, False])
def test_half_precision(dtype, autocast):
    indices = voxels()
    table = submanifold_table(indices, SHAPE, [3] * 3, [1] * 3)
    features, weight = random_pair(indices, (3, 3, 3), torch.float32)
    expected = sparse_convolution(features, weight, table)
    if autocast:
        with torch.autocast('cpu', dtype):
            found = sparse_convolution(features, weight, table)
    else:
        found = sparse_convolution(features.to(dtype), weight.to(dtype), table)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0.03, atol=0.1)
    for a, b in zip(torch.autograd.grad(found.float().sum(), (features, weight)),
                    torch.autograd.grad(expected.sum(), (features, weight))):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0.03, atol=0.3)


def test_bfloat16_errs_by_its_rounding():
    indices = voxels((20, 20, 20))
    torch.manual_seed(0)
    features, weight = torch.randn(len(indices), 32).bfloat16(), (torch.randn(27, 32, 48) / 16).bfloat16()
    grad = torch.randn(len(indices), 48).bfloat16()
    table = submanifold_table(indices, (20, 20, 20), [3] * 3, [1] * 3)
    results = []
    for dtype in (torch.float64, torch.bfloat16):
        arguments = [x.to(dtype).requires_grad_() for x in (features, weight)]
        out = sparse_convolution(*arguments, table)
        results.append([out, *torch.autograd.grad(out, arguments, grad.to(dtype))])
    for exact, found in zip(*results):
        # Half a unit of the last of eight digits for the result, and less for the mean of its rounded terms.
        assert (found.double() - exact).norm() / exact.norm() < 2**-8


@pytest.mark.parametrize('num', [0, 1, 1024, 9000])
def test_pointwise_convolution_in_bfloat16(num):
    torch.manual_seed(0)
    features, weight, grad = torch.randn(num, 8), torch.randn(8, 5), torch.randn(num, 5)
    results = []
    for autocast in (False, True):
        arguments = [x.clone().requires_grad_() for x in (features, weight)]
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
            out = pointwise_convolution(*arguments)
        assert out.dtype == (torch.bfloat16 if autocast else torch.float32)
        results.append([out, *torch.autograd.grad(out, arguments, grad.to(out.dtype))])
    for exact, found in zip(*results):
        assert (found.float() - exact).norm() <= exact.norm() / 100


def test_same_bits_twice(threads):
    indices = voxels((20, 20, 20))
    features, weight = random_pair(indices, (3, 3, 3), torch.float32, 16, 16)
    table = submanifold_table(indices, (20, 20, 20), [3] * 3, [1] * 3)
    runs = []
    for _ in range(2):
        out = sparse_convolution(features, weight, table)
        runs.append((out, *torch.autograd.grad(out.sum(), (features, weight))))
    assert all(torch.equal(a, b) for a, b in zip(*runs))


def test_max_pool_equals_a_loop():
    indices = voxels()
    out_indices, table = strided_table(indices, SHAPE, [4, 4, 3], [2] * 3, [2] * 3, [0] * 3,
                                       [1] * 3)
    features = torch.randn(len(indices), 3, dtype=torch.float64, requires_grad=True)
    out = sparse_max_pool(features, table)
    parents = torch.cat([indices[:, :1], indices[:, 1:].div(2, rounding_mode='floor')], 1)
    expected = torch.stack([features[(parents == row).all(1)].amax(0) for row in out_indices])
    assert_same(out, expected, (features,))


def test_a_table_of_another_size_is_refused():
    indices = voxels()
    features, weight = random_pair(indices, (3, 3, 3))
    table = submanifold_table(indices, SHAPE, [3] * 3, [1] * 3)
    for f, w in ((features[1:], weight), (features, weight[1:])):
        with pytest.raises(ValueError, match='do not fit'):
            sparse_convolution(f, w, table)


def test_two_dimensions():
    indices = voxels((6, 7, 1))[:, :3]
    features, weight = random_pair(indices, (3, 3, 1))
    table = submanifold_table(indices, (6, 7), (3, 3), (1, 1))
    dense = F.conv2d(to_dense(features, F.pad(indices, (0, 1)), (6, 7, 1))[..., 0],
                     dense_weight(weight, (3, 3, 1))[..., 0], padding=1)
    torch.testing.assert_close(sparse_convolution(features, weight, table),
                               at_voxels(dense[..., None], F.pad(indices, (0, 1))))
