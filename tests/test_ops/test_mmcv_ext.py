import inspect
import pickle
import subprocess
import sys
import types

import pytest
import torch
import torch.nn.functional as F

from erda.ops.mmcv_ext import PORTABLE_KERNELS, PortableExtension, install_mmcv_ext

install_mmcv_ext()
mmcv_ops = pytest.importorskip('mmcv.ops')

SHAPE = [9, 8, 7]


@pytest.fixture
def portable(monkeypatch):
    """mmcv.ops with the portable kernels, also where mmcv is compiled."""
    extension = PortableExtension('mmcv._ext')
    monkeypatch.setattr(mmcv_ops.sparse_ops, 'ext_module', extension)
    monkeypatch.setattr(mmcv_ops.scatter_points, 'ext_module', extension)
    return mmcv_ops


def sparse_tensor(channels=4):
    torch.manual_seed(0)
    indices = (torch.rand(2, *SHAPE) < 0.2).nonzero().int()
    indices = indices[torch.randperm(len(indices))]
    features = torch.randn(len(indices), channels, requires_grad=True)
    return mmcv_ops.SparseConvTensor(features, indices, SHAPE, 2)


def at_voxels(dense, indices):
    return dense.permute(0, 2, 3, 4, 1)[tuple(indices.long().t())]


def conv_weight(layer):
    return layer.weight.permute(4, 3, 0, 1, 2)


def assert_same_with_gradients(found, expected, inputs):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    grad = torch.randn_like(expected)
    for a, b in zip(torch.autograd.grad(found, inputs, grad, retain_graph=True),
                    torch.autograd.grad(expected, inputs, grad, retain_graph=True)):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('kernel, bias', [(3, True), (3, False), ([3, 1, 5], True), (1, True)])
def test_submanifold_layer_equals_dense(portable, kernel, bias):
    x = sparse_tensor()
    layer = portable.SubMConv3d(4, 5, kernel, bias=bias, indice_key='a')
    expected = at_voxels(F.conv3d(x.dense(), conv_weight(layer), layer.bias,
                                  padding=[k // 2 for k in layer.kernel_size]), x.indices)
    y = layer(x)
    assert_same_with_gradients(y.features, expected, (x.features, *layer.parameters()))


@pytest.mark.parametrize('kernel, stride, padding', [(2, 2, 0), (3, 2, 1), (3, [2, 2, 1], 1)])
def test_down_and_up_equal_dense(portable, kernel, stride, padding):
    x = sparse_tensor()
    down = portable.SparseConv3d(4, 6, kernel, stride, padding, indice_key='down')
    up = portable.SparseInverseConv3d(6, 3, kernel, indice_key='down')
    coarse = down(x)
    dense = F.conv3d(x.dense(), conv_weight(down), down.bias, stride, padding)
    assert coarse.spatial_shape == list(dense.shape[2:])
    assert_same_with_gradients(coarse.features, at_voxels(dense, coarse.indices),
                               (x.features, *down.parameters()))
    fine = up(coarse)
    smallest = [(n - 1) * s - 2 * padding + kernel
                for n, s in zip(coarse.spatial_shape, down.stride if isinstance(stride, list)
                                else [stride] * 3)]
    dense = F.conv_transpose3d(coarse.dense(), conv_weight(up).transpose(0, 1), up.bias, stride,
                               padding, [n - s for n, s in zip(SHAPE, smallest)])
    assert_same_with_gradients(fine.features, at_voxels(dense, x.indices),
                               (x.features, *up.parameters(), *down.parameters()))


def test_max_pool_equals_dense(portable):
    x = sparse_tensor()
    y = portable.SparseMaxPool3d(2, 2)(x)
    dense = x.dense()
    dense = F.max_pool3d(torch.where(dense == 0, -torch.inf, dense), 2)
    assert_same_with_gradients(y.features, at_voxels(dense, y.indices), (x.features,))


def test_fused_bias(portable):
    x = sparse_tensor()
    layer = portable.SubMConv3d(4, 5, 3, indice_key='a')
    expected = layer(x).features
    record = x.find_indice_pair('a')
    found = portable.sparse_ops.ext_module.fused_indice_conv_forward(
        x.features, layer.weight, layer.bias, record[2], record[3], len(x.indices), 0, 1)
    torch.testing.assert_close(found, expected)


def test_layers_under_autocast(portable):
    x = sparse_tensor()
    layer = portable.SubMConv3d(4, 5, 3)
    with torch.autocast('cpu', torch.bfloat16):
        y = layer(x)
    y.features.float().sum().backward()
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize('reduce', ['sum', 'mean', 'max'])
def test_dynamic_scatter_equals_a_loop(portable, reduce):
    torch.manual_seed(0)
    points = torch.randn(50, 3, dtype=torch.float64, requires_grad=True)
    coors = torch.randint(-1, 3, (50, 3), dtype=torch.int32)
    voxels, voxel_coors = portable.dynamic_scatter(points, coors, reduce)
    inside = (coors >= 0).all(1)
    expected_coors = sorted({tuple(row) for row in coors[inside].tolist()})
    assert voxel_coors.tolist() == [list(row) for row in expected_coors]
    groups = [points[(coors == torch.tensor(row)).all(1)] for row in expected_coors]
    reducer = {'sum': torch.sum, 'mean': torch.mean, 'max': torch.amax}[reduce]
    expected = torch.stack([reducer(group, 0) for group in groups])
    assert_same_with_gradients(voxels, expected, (points,))


@pytest.mark.parametrize('reduce', ['sum', 'mean', 'max'])
def test_dynamic_scatter_of_nothing(portable, reduce):
    points = torch.randn(4, 3, requires_grad=True)
    voxels, coors = portable.dynamic_scatter(points, torch.full((4, 3), -1), reduce)
    assert voxels.shape == (0, 3) and coors.shape == (0, 3)
    voxels.sum().backward()
    assert not points.grad.any()


def test_max_gradient_of_a_tie_goes_to_the_first_point(portable):
    points = torch.ones(3, 1, requires_grad=True)
    portable.dynamic_scatter(points, torch.zeros(3, 3, dtype=torch.int32), 'max')[0].backward()
    assert points.grad.squeeze(1).tolist() == [1, 0, 0]


def test_missing_kernel_says_what_it_needs():
    kernel = PortableExtension('mmcv._ext').deform_conv_forward
    with pytest.raises(NotImplementedError, match='deform_conv_forward.*pip install mmcv==2.1.0'):
        kernel(1, option=2)


def test_stand_in_is_an_ordinary_module():
    extension = PortableExtension('mmcv._ext')
    assert not hasattr(extension, '__wrapped__') and not hasattr(extension, '_private')
    assert dict(inspect.getmembers(extension))['indice_conv_forward']
    assert inspect.unwrap(extension) is extension
    for kernel in (*PORTABLE_KERNELS.values(), extension.nms):
        pickle.loads(pickle.dumps(kernel))


def test_compiled_extension_stays(monkeypatch):
    compiled = types.ModuleType('mmcv._ext')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', compiled)
    assert install_mmcv_ext() is False
    assert sys.modules['mmcv._ext'] is compiled


def test_installing_twice_changes_nothing():
    before = sys.modules['mmcv._ext']
    install_mmcv_ext()
    assert sys.modules['mmcv._ext'] is before


def test_mmdet3d_imports_in_a_fresh_process():
    code = ('from erda.ops.mmcv_ext import install_mmcv_ext; install_mmcv_ext(); '
            'import mmcv.ops, mmdet3d.models, mmdet3d.datasets, mmdet3d.evaluation')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120)
