import math

import pytest
import torch
import torch.nn.functional as F
from test_ops.same_gradients import assert_same_with_gradients
from test_ops.sparse_scans import CUBE_2, CUBE_3, LOW, voxels

from erda.ops.torchsparse_conv import (
    BatchNorm,
    Conv3d,
    GroupNorm,
    LeakyReLU,
    ReLU,
    conv3d,
    get_kernel_offsets,
    spdownsample,
)
from erda.ops.torchsparse_tensors import SparseTensor

GRID_SIZE = 12  # a scan fills 8 of its cells
ORDERS = {
    (3, 3, 3): CUBE_3,
    (2, 2, 2): CUBE_2,
    (3, 1, 5): [(x, 0, z) for z in (-2, -1, 0, 1, 2) for x in (-1, 0, 1)],
    (3, 2, 1): [(-1, 0, 0), (-1, 1, 0), (0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)],
    (4, 1, 1): [(-1, 0, 0), (0, 0, 0), (1, 0, 0), (2, 0, 0)],
    (1, 1, 1): [(0, 0, 0)],
}


def at(coords, stride):
    x, y, z = ((coords[:, :3].long() - LOW) // stride).unbind(1)
    return coords[:, 3].long(), x, y, z


def dense(x):
    """``[2, C, X, Y, Z]``"""
    grid = x.F.new_zeros(2, *[GRID_SIZE // s for s in x.s], x.F.shape[1])
    return grid.index_put(at(x.C, x.s[0]), x.F).permute(0, 4, 1, 2, 3)


def from_dense(grid, coords, stride):
    return grid.permute(0, 2, 3, 4, 1)[at(coords, stride)]


def dense_weight(kernel, sizes):
    """``[C_out, C_in, kx, ky, kz]``"""
    order = ORDERS[sizes]
    first = [min(offset[axis] for offset in order) for axis in range(3)]
    weight = kernel.new_zeros(*sizes, *kernel.shape[-2:])
    steps = [torch.tensor([offset[axis] - first[axis] for offset in order]) for axis in range(3)]
    return weight.index_put(tuple(steps), kernel.reshape(len(order), *kernel.shape[-2:])).permute(4, 3, 0, 1, 2)


def dense_conv(x, layer):
    padding = [side * layer.dilation for n in reversed(layer.kernel_size) for side in ((n - 1) // 2, n // 2)]
    return F.conv3d(F.pad(dense(x), padding), dense_weight(layer.kernel, layer.kernel_size), layer.bias, layer.stride,
                    dilation=layer.dilation)


@pytest.mark.parametrize('sizes', ORDERS)
def test_kernel_offsets(sizes):
    offsets = get_kernel_offsets(sizes, (2, 4, 8), 3)
    assert offsets.dtype == torch.int32
    assert offsets.tolist() == [[6 * x, 12 * y, 24 * z] for x, y, z in ORDERS[sizes]]


def test_kernel_offsets_of_one_number():
    assert get_kernel_offsets(2).tolist() == [list(offset) for offset in CUBE_2]
    assert get_kernel_offsets(3)[:4].tolist() == [[-1, -1, -1], [0, -1, -1], [1, -1, -1], [-1, 0, -1]]


def test_downsampled_coordinates():
    coords = torch.tensor([[3, 2, 7, 1], [-1, -2, 0, 0], [2, 3, 6, 1], [-2, -1, 1, 0], [-1, 0, 0, 0]]).int()
    down = spdownsample(coords, 2, 2, 1)
    assert down.dtype == torch.int32
    assert down.tolist() == [[-2, -2, 0, 0], [-2, 0, 0, 0], [2, 2, 6, 1]]
    assert spdownsample(down, 2, 2, 2).tolist() == [[-4, -4, 0, 0], [-4, 0, 0, 0], [0, 0, 4, 1]]


def test_downsampled_coordinates_of_overlapping_kernels():
    x = voxels()
    lowest = x.C[:, :3].amin(0).tolist()
    expected = set()
    for row in x.C.tolist():
        for offset in CUBE_3:
            reached = [a + o for a, o in zip(row, offset)]
            if all(r % 2 == 0 and r >= low for r, low in zip(reached, lowest)):
                expected.add((row[3], *reached))
    assert [(row[3], *row[:3]) for row in spdownsample(x.C, 2, 3, 1).tolist()] == sorted(expected)


@pytest.mark.parametrize('sizes, dilation', [((3, 3, 3), 1), ((3, 3, 3), 2), ((3, 1, 5), 1), ((3, 2, 1), 1),
                                             ((2, 2, 2), 1), ((1, 1, 1), 1)])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('stride', [1, 2])
def test_convolution_keeps_voxels(sizes, dilation, bias, stride):
    x = voxels(stride=stride)
    layer = Conv3d(3, 5, sizes, 1, dilation, bias).double()
    y = layer(x)
    assert y.C is x.C and y.s == x.s and y.cmaps is x.cmaps and y.kmaps is x.kmaps
    expected = from_dense(dense_conv(x, layer), x.C, stride)
    assert_same_with_gradients(y.F, expected, (x.F, *layer.parameters()))


@pytest.mark.parametrize('kernel', [2, 3, 1])
def test_strided_convolution_twice(kernel):
    x = voxels()
    first, second = (Conv3d(a, b, kernel, 2, bias=True).double() for a, b in ((3, 4), (4, 5)))
    y = first(x)
    z = second(y)
    assert y.s == (2, 2, 2) and z.s == (4, 4, 4)
    assert (z.C[:, :3] % 4 == 0).all()
    assert_same_with_gradients(y.F, from_dense(dense_conv(x, first), y.C, 2), (x.F, *first.parameters()))
    assert_same_with_gradients(z.F, from_dense(dense_conv(y, second), z.C, 4),
                               (x.F, *first.parameters(), *second.parameters()))


@pytest.mark.parametrize('bias', [True, False])
def test_transposed_convolution_returns_to_the_voxels(bias):
    x = voxels()
    downs = [Conv3d(a, b, 2, 2).double() for a, b in ((3, 4), (4, 5))]
    ups = [Conv3d(a, b, 2, 2, bias=bias, transposed=True).double() for a, b in ((5, 4), (4, 2))]
    half = downs[0](x)
    quarter = downs[1](half)
    half_again = ups[0](quarter)
    y = ups[1](half_again)
    assert half_again.C is half.C and y.C is x.C and half_again.s == half.s and y.s == x.s
    grid = F.conv_transpose3d(dense(quarter), dense_weight(ups[0].kernel, (2, 2, 2)).transpose(0, 1), ups[0].bias, 2)
    expected = SparseTensor(from_dense(grid, half.C, 2), half.C, 2)
    torch.testing.assert_close(half_again.F, expected.F)
    grid = F.conv_transpose3d(dense(expected), dense_weight(ups[1].kernel, (2, 2, 2)).transpose(0, 1), ups[1].bias, 2)
    parameters = [p for layer in downs + ups for p in layer.parameters()]
    assert_same_with_gradients(y.F, from_dense(grid, x.C, 1), (x.F, *parameters))


def test_transposed_convolution_needs_its_convolution():
    with pytest.raises(ValueError, match='none ran before it'):
        Conv3d(3, 3, 2, 2, transposed=True).double()(voxels(stride=2))


def test_pairs_are_built_once():
    x = voxels()
    y = Conv3d(3, 3).double()(Conv3d(3, 3).double()(x))
    down = Conv3d(3, 3, 2, 2).double()
    assert down(x).C is down(y).C
    assert set(x.kmaps) == {((1, ) * 3, (3, ) * 3, (1, ) * 3, (1, ) * 3), ((1, ) * 3, (2, ) * 3, (2, ) * 3, (1, ) * 3)}
    assert set(x.cmaps) == {(1, 1, 1), (2, 2, 2)}


@pytest.mark.parametrize('num', [0, 1])
def test_convolution_of_few_voxels(num):
    feats = torch.randn(num, 3, requires_grad=True)
    x = SparseTensor(feats, torch.tensor([[-7, 5, 0, 1]]).int()[:num])
    same, down = Conv3d(3, 4), Conv3d(4, 4, 2, 2)
    up = Conv3d(4, 2, 2, 2, transposed=True)
    y = up(down(same(x)))
    y.F.sum().backward()
    assert y.F.shape == (num, 2) and feats.grad.shape == feats.shape
    if num:  # -7 is the odd voxel of its pair on x, and so is 5 on y
        corner = CUBE_2.index((1, 1, 0))
        expected = feats @ same.kernel[CUBE_3.index((0, 0, 0))] @ down.kernel[corner] @ up.kernel[corner]
        torch.testing.assert_close(y.F, expected)


def test_function_equals_layer():
    x = voxels()
    layer = Conv3d(3, 5, 3, bias=True).double()
    torch.testing.assert_close(conv3d(x, layer.kernel, 3, layer.bias).F, layer(x).F)


def test_parameters_are_those_of_torchsparse():
    for sizes, kernel in ((3, (27, 4, 6)), ((3, 2, 1), (6, 4, 6)), (2, (8, 4, 6)), (1, (4, 6))):
        layer = Conv3d(4, 6, sizes)
        assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {'kernel': kernel}
    up = Conv3d(4, 6, 2, 2, bias=True, transposed=True)
    assert list(up.state_dict()) == ['kernel', 'bias'] and up.bias.shape == (6, )
    bound = 1 / math.sqrt(6 * 8)
    assert 0.8 * bound < up.kernel.abs().max() <= bound and up.bias.abs().max() <= bound


def test_normalization_and_activations():
    x = voxels(channels=4)
    rows = [x.C[:, 3] == scan for scan in (0, 1)]
    y = BatchNorm(4).double()(x)
    torch.testing.assert_close(y.F, F.batch_norm(x.F, None, None, training=True))
    assert y.C is x.C and y.kmaps is x.kmaps
    norm = GroupNorm(2, 4).double()
    torch.nn.init.normal_(norm.weight)
    y = norm(x)
    for scan in rows:
        expected = F.group_norm(x.F[scan].t()[None], 2, norm.weight, norm.bias)[0].t()
        assert_same_with_gradients(y.F[scan], expected, (x.F, norm.weight))
    assert torch.equal(ReLU()(x).F, x.F.relu()) and torch.equal(LeakyReLU(0.1)(x).F, F.leaky_relu(x.F, 0.1))
