import copy
import importlib.util
import itertools
import math
import sys

import pytest
import torch
import torch.nn.functional as F
from mmdet3d.models.layers.spconv import IS_SPCONV2_AVAILABLE
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from torch.autograd import gradcheck

from erda.ops.spconv_weights import to_mmcv_layout
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
from erda.ops.torchsparse_points import calc_ti_weights, spcount, spdevoxelize, sphash, sphashquery, spvoxelize
from erda.ops.torchsparse_portable import PORTABLE_MODULES, PortableModule, install_torchsparse
from erda.ops.torchsparse_tensors import SparseTensor, cat, make_ntuple

needs_stand_in = pytest.mark.skipif(not install_torchsparse(), reason='torchsparse is installed')
# A scan fills 8 of the 12 cells of its grid, whose origin is a multiple of every stride here.
LOW, SIZE, GRID_SIZE = -4, 8, 12
# torchsparse's order of kernel offsets (x, y, z): x changes fastest in an odd kernel, z in an even one.
CUBE_3 = [(x, y, z) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)]
CUBE_2 = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]
ORDERS = {
    (3, 3, 3): CUBE_3,
    (2, 2, 2): CUBE_2,
    (3, 1, 5): [(x, 0, z) for z in (-2, -1, 0, 1, 2) for x in (-1, 0, 1)],
    (3, 2, 1): [(-1, 0, 0), (-1, 1, 0), (0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)],
    (4, 1, 1): [(-1, 0, 0), (0, 0, 0), (1, 0, 0), (2, 0, 0)],
    (1, 1, 1): [(0, 0, 0)],
}


def voxels(channels=3, seed=0, stride=1):
    """Two scans in random order, coordinates of both signs, features in double precision."""
    generator = torch.Generator().manual_seed(seed)
    rows = (torch.rand(2, *[SIZE // stride] * 3, generator=generator) < 0.2).nonzero()
    rows = rows[torch.randperm(len(rows), generator=generator)]
    coords = torch.cat([rows[:, 1:] * stride + LOW, rows[:, :1]], 1).int()
    feats = torch.randn(len(coords), channels, generator=generator, dtype=torch.float64)
    return SparseTensor(feats.requires_grad_(), coords, stride)


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


def assert_same_with_gradients(found, expected, inputs):
    torch.testing.assert_close(found, expected)
    grad = torch.randn_like(expected)
    for a, b in zip(torch.autograd.grad(found, inputs, grad, retain_graph=True),
                    torch.autograd.grad(expected, inputs, grad, retain_graph=True)):
        torch.testing.assert_close(a, b)


# Kernel offsets and coordinates


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


def test_hashes_are_found_again():
    x = voxels()
    offsets = get_kernel_offsets(3)
    found = sphashquery(sphash(x.C, offsets), sphash(x.C))
    rows = {tuple(row): i for i, row in enumerate(x.C.tolist())}
    expected = [[rows.get((a + i, b + j, c + k, batch), -1) for a, b, c, batch in x.C.tolist()] for i, j, k in CUBE_3]
    assert found.dtype == torch.int64 and found.tolist() == expected
    keys = sphash(x.C)
    ordered = [(batch, a, b, c) for a, b, c, batch in x.C[keys.argsort()].tolist()]
    assert ordered == sorted(ordered)


def test_query_takes_the_first_of_equal_references_and_minus_one_for_none():
    assert sphashquery(torch.tensor([5, 3, 9]), torch.tensor([3, 5, 3, 5])).tolist() == [1, 0, -1]
    assert sphashquery(torch.tensor([[5], [3]]), torch.empty(0, dtype=torch.int64)).tolist() == [[-1], [-1]]
    assert sphashquery(torch.empty(8, 0, dtype=torch.int64), torch.tensor([3])).shape == (8, 0)


def test_hash_refuses_what_it_cannot_tell_apart():
    edge = torch.tensor([[131071, -131072, 0, 511]]).int()
    sphash(edge)
    for coords, offsets in ((edge, get_kernel_offsets(2)), (edge + 1, None), (-edge, None), (edge.float(), None),
                            (edge[:, :3], None)):
        with pytest.raises(ValueError, match='voxels: '):
            sphash(coords, offsets)


# Convolution


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


# Other layers


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


def test_cat_and_add_share_maps():
    x = voxels()
    y = Conv3d(3, 3).double()(x)
    assert torch.equal(cat((x, y)).F, torch.cat([x.F, y.F], 1)) and cat((x, y)).kmaps is x.kmaps
    assert torch.equal((x + y).F, x.F + y.F) and (x + y).C is x.C and (x + y).cmaps is x.cmaps


def test_sizes():
    assert make_ntuple(2, 3) == make_ntuple([2, 2, 2], 3) == make_ntuple(torch.tensor([2, 2, 2]), 3) == (2, 2, 2)
    with pytest.raises(ValueError, match='3 numbers'):
        make_ntuple((1, 2), 3)


# Points and voxels


@pytest.mark.parametrize('points, num', [(40, 12), (1, 1), (0, 0), (0, 3), (3, 0)])
def test_voxelize_equals_loop(points, num):
    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(points, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = torch.randint(-1, max(num - 1, 0), (points, ), generator=generator)  # points without, and one voxel without
    counts = spcount(rows.int(), num)
    assert counts.dtype == torch.int32 and counts.tolist() == [rows.tolist().count(i) for i in range(num)]
    found = spvoxelize(feats, rows, counts)
    means = [feats[rows == i].mean(0) if (rows == i).any() else feats.new_zeros(3) for i in range(num)]
    torch.testing.assert_close(found, torch.stack(means) if num else feats.new_zeros(0, 3))
    if points and num:
        assert gradcheck(lambda f: spvoxelize(f, rows, counts), feats)


def test_voxelize_keeps_coordinates_exact_under_autocast():
    coords = torch.tensor([[3001., -517.], [3001., -517.], [7., 9.]])
    rows = torch.tensor([1, 1, 0])
    with torch.autocast('cpu', torch.bfloat16):
        found = spvoxelize(coords, rows, spcount(rows, 2))
    assert found.tolist() == [[7., 9.], [3001., -517.]]


@pytest.mark.parametrize('points, num', [(30, 10), (1, 1), (0, 4), (3, 0)])
def test_devoxelize_equals_loop(points, num):
    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(num, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = torch.randint(-1, max(num, 0), (points, 8), generator=generator)
    weights = torch.rand(points, 8, generator=generator, dtype=torch.float64)
    found = spdevoxelize(feats, rows.int(), weights)
    expected = torch.zeros(points, 3, dtype=torch.float64)
    for i, k in itertools.product(range(points), range(8)):
        if rows[i, k] >= 0:
            expected[i] += weights[i, k] * feats[rows[i, k]].detach()
    torch.testing.assert_close(found, expected, check_dtype=True)
    if points and num:
        assert gradcheck(lambda f: spdevoxelize(f, rows, weights), feats)
    assert spdevoxelize(feats.bfloat16(), rows, weights).dtype == torch.bfloat16


@pytest.mark.parametrize('scale', [1, 2, 3])
def test_trilinear_weights_equal_loop(scale):
    generator = torch.Generator().manual_seed(0)
    coords = torch.rand(20, 4, generator=generator, dtype=torch.float64) * 20 - 10
    coords[0], coords[1] = coords[0].floor(), coords[1].div(scale).floor() * scale
    idx_query = torch.randint(-1, 5, (8, 20), generator=generator)
    idx_query[:, 2] = -1
    expected = torch.zeros(8, 20, dtype=torch.float64)
    for point, (k, corner) in itertools.product(range(20), enumerate(CUBE_2)):
        weight = 1.
        for axis in range(3):
            low = math.floor(coords[point, axis] / scale) * scale
            share = (float(coords[point, axis]) - low) / scale
            weight *= share if corner[axis] else 1 - share
        expected[k, point] = weight if idx_query[k, point] >= 0 else 0
    expected = expected / (expected.sum(0) + 1e-8)
    torch.testing.assert_close(calc_ti_weights(coords, idx_query, scale), expected)
    assert calc_ti_weights(coords[:0], idx_query[:, :0], scale).shape == (8, 0)


# Installation


@needs_stand_in
def test_installing_twice_changes_nothing():
    modules = {name: sys.modules[name] for name in PORTABLE_MODULES}
    assert install_torchsparse()
    assert all(sys.modules[name] is module for name, module in modules.items())


@needs_stand_in
def test_modules_look_like_a_package():
    import torchsparse.nn.functional
    from torchsparse import PointTensor  # noqa: F401
    from torchsparse.nn.utils import fapply  # noqa: F401
    for name in PORTABLE_MODULES:
        assert importlib.util.find_spec(name).name == name
    assert importlib.util.find_spec('torchsparse.backbones') is None
    assert torchsparse.nn.functional.sphash is sphash and torchsparse.__version__ == '1.4.0'


@needs_stand_in
def test_what_is_missing_says_so():
    import torchsparse
    with pytest.raises(AttributeError, match=r'torchsparse\.nn\.SparseCrop has no portable version.*compiled'):
        _ = torchsparse.nn.SparseCrop
    with pytest.raises(ImportError, match='torchsparse_portable'):
        from torchsparse.nn import SparseCrop  # noqa: F401


@needs_stand_in
def test_installed_torchsparse_is_left_alone(tmp_path, monkeypatch):
    for name in PORTABLE_MODULES:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / 'torchsparse').mkdir()
    (tmp_path / 'torchsparse' / '__init__.py').write_text('compiled = True')
    monkeypatch.syspath_prepend(tmp_path)
    assert not install_torchsparse() and 'torchsparse' not in sys.modules
    import torchsparse
    assert torchsparse.compiled and not isinstance(torchsparse, PortableModule)
    assert not install_torchsparse() and sys.modules['torchsparse'] is torchsparse
    monkeypatch.delitem(sys.modules, 'torchsparse')


# mmdet3d's stock models

BACKBONES = ('MinkUNetBackbone', 'MinkUNetBackboneV2', 'SPVCNNBackbone')


def small_backbone(name='MinkUNetBackbone', **kwargs):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    config = dict(type=name, in_channels=4, base_channels=8, num_stages=4, encoder_channels=[8, 8, 12, 16],
                  encoder_blocks=[1] * 4, decoder_channels=[16, 12, 8, 8], decoder_blocks=[1] * 4,
                  sparseconv_backend='torchsparse')
    # mmdet3d inserts into the lists it is given.
    return MODELS.build(copy.deepcopy({**config, **kwargs}))


def two_scans(points=300, size=32):
    """Voxel features ``[N, 4]`` and coordinates ``[N, 4]`` (x, y, z, batch) on a grid whose far corner is occupied."""
    generator = torch.Generator().manual_seed(0)
    coords = torch.cat([torch.randint(0, size, (points, 3), generator=generator), torch.full((1, 3), size - 1)])
    coords = torch.cat([F.pad(coords.unique(dim=0), (0, 1), value=scan) for scan in (0, 1)]).int()
    return torch.randn(len(coords), 4, generator=generator), coords


@needs_stand_in
@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('kwargs', [dict(), dict(block_type='bottleneck')])
@pytest.mark.parametrize('name', BACKBONES)
def test_stock_backbone_trains_and_predicts(name, kwargs, autocast):
    backbone = small_backbone(name, **kwargs)
    feats, coords = two_scans()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        out = backbone(feats, coords)
    assert len(out) == len(feats)
    out.float().square().mean().backward()
    for key, parameter in backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert parameter.grad.any(), key
    backbone.eval()
    with torch.no_grad():
        together = backbone(feats, coords)
        alone = backbone(feats[coords[:, 3] == 1], coords[coords[:, 3] == 1])
    torch.testing.assert_close(together[coords[:, 3] == 1], alone)


@needs_stand_in
@pytest.mark.parametrize('name', BACKBONES)
def test_state_has_the_keys_of_torchsparse(name):
    def norm(prefix):
        return {f'{prefix}.{key}' for key in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')}

    def convs(prefix, *places):
        return set().union(*({f'{prefix}.{i}.kernel'} | norm(f'{prefix}.{i + 1}') for i in places))

    expected = convs('conv_input.0.net', 0) | convs('conv_input.1.net', 0)
    for stage in range(4):
        expected |= convs(f'encoder.{stage}.0.net', 0) | convs(f'encoder.{stage}.1.net', 0, 3)
        expected |= convs(f'decoder.{stage}.0.net', 0) | convs(f'decoder.{stage}.1.0.net', 0, 3)
        expected |= convs(f'decoder.{stage}.1.0.downsample', 0)
    for stage in (2, 3):  # the stages with more channels than the one before
        expected |= convs(f'encoder.{stage}.1.downsample', 0)
    if name == 'SPVCNNBackbone':
        for i in range(3):
            expected |= norm(f'point_transforms.{i}.1')
            expected |= {f'point_transforms.{i}.0.weight', f'point_transforms.{i}.0.bias'}
    state = small_backbone(name).state_dict()
    assert set(state) == expected
    shapes = {'conv_input.0.net.0': (27, 4, 8), 'encoder.2.0.net.0': (8, 8, 8), 'encoder.2.1.downsample.0': (8, 12),
              'decoder.0.0.net.0': (8, 16, 16), 'decoder.0.1.0.net.0': (27, 28, 16)}
    assert {key: tuple(state[f'{key}.kernel'].shape) for key in shapes} == shapes


@needs_stand_in
@pytest.mark.skipif(not IS_SPCONV2_AVAILABLE, reason='MinkUNetBackbone gives mmcv a spatial shape that it cannot take')
def test_backbone_equals_spconv():
    model = small_backbone().double()
    spconv_model = small_backbone(sparseconv_backend='spconv').double()
    ours, theirs = ([module for module in backbone.modules() if isinstance(getattr(module, name, None), torch.Tensor)]
                    for backbone, name in ((model, 'kernel'), (spconv_model, 'weight')))
    norms, their_norms = ([module for module in backbone.modules() if isinstance(module, torch.nn.BatchNorm1d)]
                          for backbone in (model, spconv_model))
    theirs = [module for module in theirs if not isinstance(module, torch.nn.BatchNorm1d)]
    assert len(ours) == len(theirs) and len(norms) == len(their_norms)
    for here, there in zip(norms, their_norms):
        torch.nn.init.uniform_(here.weight, 0.5, 1.5)
        there.load_state_dict(here.state_dict())
    weights = []  # spconv's as torchsparse lays them out
    for here, there in zip(ours, theirs):
        weight = to_mmcv_layout(there.weight)
        if here.kernel_volume % 2:
            weight = weight.permute(2, 1, 0, 3, 4)
        weights.append(weight.reshape(here.kernel.shape))
        here.kernel.data.copy_(weights[-1])
    feats, coords = two_scans()
    feats = feats.double().requires_grad_()
    found = model(feats, coords)
    expected = spconv_model(feats, coords[:, [3, 0, 1, 2]].contiguous())
    assert_same_with_gradients(found, expected, (feats, ))
    found_grads = torch.autograd.grad(found.square().sum(), [layer.kernel for layer in ours])
    expected_grads = torch.autograd.grad(expected.square().sum(), [layer.weight for layer in theirs])
    for layer, weight, grad, expected_grad in zip(theirs, weights, found_grads, expected_grads):
        torch.testing.assert_close(torch.autograd.grad(weight, layer.weight, grad)[0], expected_grad)


@needs_stand_in
@pytest.mark.parametrize('name', ['minkunet', 'spvcnn'])
def test_stock_segmentor_learns_and_predicts(name):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    config = get_config(f'mmdet3d::_base_/models/{name}.py').model
    config.data_preprocessor.update(type='WeakSegDataPreprocessor', ignore_index=5)  # the stock one needs CUDA
    config.data_preprocessor.voxel_layer.voxel_size = [0.1, 0.1, 0.1]
    config.backbone.update(base_channels=8, encoder_channels=[8, 8, 16, 16], decoder_channels=[16, 16, 8, 8],
                           encoder_blocks=[1] * 4, decoder_blocks=[1] * 4)
    config.decode_head.update(channels=8, num_classes=5, ignore_index=5, dropout_ratio=0)
    config.test_cfg = ConfigDict()
    model = MODELS.build(config)
    clouds = [torch.rand(400, 4) * 3 for _ in range(2)]
    samples = []
    for cloud in clouds:
        sample = Det3DDataSample()
        sample.gt_pts_seg = PointData(pts_semantic_mask=(cloud[:, 2] / 3 * 5).long())
        samples.append(sample)
    batch = dict(inputs=dict(points=clouds), data_samples=samples)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(10):
        data = model.data_preprocessor(copy.deepcopy(batch), training=True)
        loss = sum(model(**data, mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    model.eval()
    with torch.no_grad():
        results = model.test_step(copy.deepcopy(batch))
    assert [len(result.pred_pts_seg.pts_semantic_mask) for result in results] == [400, 400]
