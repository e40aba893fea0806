import copy
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from test_ops.same_gradients import assert_same_with_gradients

from erda.ops.mmcv_ext import install_mmcv_ext
from erda.ops.sparse_conv import sparse_convolution
from erda.ops.sparse_tables import submanifold_table
from erda.ops.spconv_cpu import install_spconv_cpu

spconv = pytest.importorskip('spconv.pytorch')
install_mmcv_ext()
install_spconv_cpu()

SHAPE = [9, 8, 7]


@pytest.fixture(autouse=True, params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def sparse_tensor(channels=4, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    indices = (torch.rand(2, *SHAPE, generator=generator) < 0.2).nonzero().int()
    indices = indices[torch.randperm(len(indices), generator=generator)]
    features = torch.randn(len(indices), channels, generator=generator, dtype=dtype)
    return spconv.SparseConvTensor(features.requires_grad_(), indices, SHAPE, 2)


def at_voxels(dense, indices):
    return dense.permute(0, 2, 3, 4, 1)[tuple(indices.long().t())]


def conv_weight(layer):
    return layer.weight.permute(0, 4, 1, 2, 3)


def test_installing_twice_changes_nothing():
    forward = spconv.SubMConv3d.forward
    assert install_spconv_cpu()
    assert spconv.SubMConv3d.forward is forward
    assert not hasattr(forward.__wrapped__, 'portable')


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('training', [True, False])
def test_submanifold_layer_equals_dense_and_core(bias, training):
    x = sparse_tensor()
    layer = spconv.SubMConv3d(4, 5, 3, bias=bias).double().train(training)
    y = layer(x)
    expected = at_voxels(F.conv3d(x.dense(), conv_weight(layer), layer.bias, padding=1), x.indices)
    assert_same_with_gradients(y.features, expected, (x.features, *layer.parameters()))
    table = submanifold_table(x.indices, SHAPE, [3] * 3, [1] * 3)
    core = sparse_convolution(x.features, layer.weight.flatten(1, 3).permute(1, 2, 0), table)
    torch.testing.assert_close(y.features, core if layer.bias is None else core + layer.bias)
    assert y.spatial_shape == SHAPE and y.indices is x.indices


@pytest.mark.parametrize('kernel, stride, padding', [(2, 2, 0), (3, 2, 1)])
def test_down_and_up_equal_dense(kernel, stride, padding):
    x = sparse_tensor()
    down = spconv.SparseConv3d(4, 6, kernel, stride, padding, indice_key='down').double()
    up = spconv.SparseInverseConv3d(6, 3, kernel, indice_key='down').double()
    coarse = down(x)
    fine = up(coarse)
    dense = F.conv3d(x.dense(), conv_weight(down), down.bias, stride, padding)
    assert coarse.spatial_shape == list(dense.shape[2:])
    assert_same_with_gradients(coarse.features, at_voxels(dense, coarse.indices),
                               (x.features, *down.parameters()))
    assert fine.spatial_shape == SHAPE and torch.equal(fine.indices, x.indices)
    smallest = [(n - 1) * stride - 2 * padding + kernel for n in coarse.spatial_shape]
    dense = F.conv_transpose3d(coarse.dense(), conv_weight(up).transpose(0, 1), up.bias, stride,
                               padding, [n - s for n, s in zip(SHAPE, smallest)])
    assert_same_with_gradients(fine.features, at_voxels(dense, x.indices),
                               (x.features, *up.parameters(), *down.parameters()))


def test_transposed_layer_equals_dense():
    x = sparse_tensor()
    layer = spconv.SparseConvTranspose3d(4, 5, 3, 2, 1).double()
    y = layer(x)
    dense = F.conv_transpose3d(x.dense(), conv_weight(layer).transpose(0, 1), layer.bias, 2, 1)
    assert y.spatial_shape == list(dense.shape[2:])
    assert_same_with_gradients(y.features, at_voxels(dense, y.indices), (x.features,))


def test_max_pool_equals_dense():
    x = sparse_tensor()
    y = spconv.SparseMaxPool3d(2, 2, indice_key='pool')(x)
    occupied = F.conv3d(x.replace_feature(torch.ones_like(x.features[:, :1])).dense(),
                        torch.ones(1, 1, 1, 1, 1, dtype=torch.float64)) > 0
    dense = F.max_pool3d(x.dense().masked_fill(~occupied, -torch.inf), 2)
    # spconv keeps only the outputs that fit the grid, as max_pool3d does.
    assert_same_with_gradients(y.features, at_voxels(dense, y.indices), (x.features,))
    up = spconv.SparseInverseConv3d(4, 3, 2, indice_key='pool').double()(y)
    assert torch.equal(up.indices, x.indices)


def test_a_table_is_built_once_per_key():
    x = sparse_tensor()
    first = spconv.SubMConv3d(4, 4, 3, indice_key='a').double()
    second = spconv.SubMConv3d(4, 4, 3, indice_key='a').double()
    y = first(x)
    assert 'a' not in x.indice_dict
    table = y.indice_dict['a'].indice_pairs
    assert second(y).indice_dict['a'].indice_pairs is table


def test_misused_keys_are_refused():
    x = sparse_tensor()
    y = spconv.SubMConv3d(4, 4, 3, indice_key='a').double()(x)
    with pytest.raises(ValueError, match='same kernel'):
        spconv.SubMConv3d(4, 4, 5, indice_key='a').double()(y)
    with pytest.raises(ValueError, match='standard conv'):
        spconv.SparseInverseConv3d(4, 4, 3, indice_key='a').double()(y)
    with pytest.raises(ValueError, match='before its'):
        spconv.SparseInverseConv3d(4, 4, 3, indice_key='b').double()(y)


def test_1x1_layer_runs_spconvs_own_product():
    x = sparse_tensor()
    layer = spconv.SubMConv3d(4, 4, 1).double()
    expected = x.features @ layer.weight.view(4, 4) + layer.bias
    torch.testing.assert_close(layer(x).features, expected)


def test_autocast():
    x = sparse_tensor(dtype=torch.float32)
    layer = spconv.SubMConv3d(4, 5, 3)
    with torch.autocast('cpu', torch.bfloat16):
        y = layer(x).features
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(y.float(), layer(x).features, rtol=0.05, atol=0.05)


def test_equals_spconvs_own_native_kernels():
    """The one check against compiled spconv; with one thread, where every build is right."""
    torch.set_num_threads(1)
    from spconv.core import ConvAlgo
    layer = spconv.SubMConv3d(4, 5, 3, bias=False, algo=ConvAlgo.Native)
    x = sparse_tensor(dtype=torch.float32)
    stock = spconv.SubMConv3d.forward.__wrapped__(layer, x)
    torch.testing.assert_close(layer(x).features, stock.features)


def small_minkunet():
    from mmdet3d.models import MinkUNetBackbone
    return MinkUNetBackbone(
        in_channels=4, base_channels=8, num_stages=2, encoder_channels=[8, 16],
        encoder_blocks=[1, 1], decoder_channels=[16, 8], decoder_blocks=[1, 1],
        block_type='basic', sparseconv_backend='spconv')


def test_minkunet_runs_forward_and_backward():
    x = sparse_tensor(dtype=torch.float32)
    net = small_minkunet()
    out = net(x.features, x.indices)
    assert out.shape == (len(x.indices), 8)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    again = small_minkunet()
    again.load_state_dict(copy.deepcopy(net.state_dict()))
    torch.testing.assert_close(again.eval()(x.features, x.indices),
                               net.eval()(x.features, x.indices))


def test_mmdet3d_loads_mmcv_weights_into_spconv_layers():
    import mmdet3d.models  # noqa: F401  It teaches spconv's modules mmcv's weight layout.
    from mmcv.ops import SparseConvTensor, SubMConv3d
    x = sparse_tensor(dtype=torch.float32)
    theirs = SubMConv3d(4, 5, 3, padding=1)
    layer = spconv.SubMConv3d(4, 5, 3)
    layer.load_state_dict(theirs.state_dict())
    expected = theirs(SparseConvTensor(x.features, x.indices, SHAPE, 2)).features
    torch.testing.assert_close(layer(x).features, expected)


def test_kernels_of_cuda_are_described_only_where_there_is_cuda():
    """That takes longer than everything else at start-up."""
    code = 'import erda, sys, spconv.pytorch; print("spconv.algo" in sys.modules, spconv.pytorch.ops.GEMM is None)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == (['True', 'False'] if torch.cuda.is_available() else ['False', 'True'])
