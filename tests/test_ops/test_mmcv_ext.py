import inspect
import pickle
import subprocess
import sys
import types
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from test_ops.same_gradients import assert_same_with_gradients

from erda.ops.mmcv_ext import COMPILED_FOR_CPU, PORTABLE_KERNELS, PortableExtension, fill_in, install_mmcv_ext

install_mmcv_ext()
mmcv_ops = pytest.importorskip('mmcv.ops')

SHAPE = [9, 8, 7]
assert_same = partial(assert_same_with_gradients, rtol=1e-4, atol=1e-4)


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


@pytest.mark.parametrize('kernel, bias', [(3, True), (3, False), ([3, 1, 5], True), (1, True)])
def test_submanifold_layer_equals_dense(portable, kernel, bias):
    x = sparse_tensor()
    layer = portable.SubMConv3d(4, 5, kernel, bias=bias, indice_key='a')
    expected = at_voxels(F.conv3d(x.dense(), conv_weight(layer), layer.bias,
                                  padding=[k // 2 for k in layer.kernel_size]), x.indices)
    y = layer(x)
    assert_same(y.features, expected, (x.features, *layer.parameters()))


@pytest.mark.parametrize('kernel, stride, padding', [(2, 2, 0), (3, 2, 1), (3, [2, 2, 1], 1)])
def test_down_and_up_equal_dense(portable, kernel, stride, padding):
    x = sparse_tensor()
    down = portable.SparseConv3d(4, 6, kernel, stride, padding, indice_key='down')
    up = portable.SparseInverseConv3d(6, 3, kernel, indice_key='down')
    coarse = down(x)
    dense = F.conv3d(x.dense(), conv_weight(down), down.bias, stride, padding)
    assert coarse.spatial_shape == list(dense.shape[2:])
    assert_same(coarse.features, at_voxels(dense, coarse.indices),
                               (x.features, *down.parameters()))
    fine = up(coarse)
    smallest = [(n - 1) * s - 2 * padding + kernel
                for n, s in zip(coarse.spatial_shape, down.stride if isinstance(stride, list)
                                else [stride] * 3)]
    dense = F.conv_transpose3d(coarse.dense(), conv_weight(up).transpose(0, 1), up.bias, stride,
                               padding, [n - s for n, s in zip(SHAPE, smallest)])
    assert_same(fine.features, at_voxels(dense, x.indices),
                               (x.features, *up.parameters(), *down.parameters()))


def test_max_pool_equals_dense(portable):
    x = sparse_tensor()
    y = portable.SparseMaxPool3d(2, 2)(x)
    dense = x.dense()
    dense = F.max_pool3d(torch.where(dense == 0, -torch.inf, dense), 2)
    assert_same(y.features, at_voxels(dense, y.indices), (x.features,))


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
    assert_same(voxels, expected, (points,))


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


class OnCuda(torch.Tensor):
    """A tensor that says that it is on CUDA, where there is none."""
    device = torch.device('cuda')


def compiled_extension(cuda_version):
    """An ``mmcv._ext`` whose kernels return 'compiled' and their name."""

    def compile_kernel(name):
        return lambda *args, **kwargs: ('compiled', name)

    extension = types.ModuleType('mmcv._ext')
    for name in (*PORTABLE_KERNELS, 'nms'):
        setattr(extension, name, compile_kernel(name))
    extension.get_compiling_cuda_version = lambda: cuda_version
    return extension


@pytest.fixture(params=['11.8', 'not available'])
def compiled(request, monkeypatch):
    extension = compiled_extension(request.param)
    monkeypatch.setitem(sys.modules, 'mmcv._ext', extension)
    extension.has_cuda = request.param == '11.8'
    return extension


@pytest.fixture
def portable_calls(monkeypatch):
    """Portable kernels that do nothing but return 'portable' and their name."""

    def replace(name):
        return lambda *args, **kwargs: ('portable', name)

    for name in PORTABLE_KERNELS:
        monkeypatch.setitem(PORTABLE_KERNELS, name, replace(name))


@pytest.mark.parametrize('name', PORTABLE_KERNELS)
def test_device_decides_between_compiled_and_portable(name, compiled, portable_calls):
    fill_in(compiled)
    kernel = getattr(compiled, name)
    on_cpu, on_cuda = torch.zeros(2, 3), torch.zeros(2, 3).as_subclass(OnCuda)
    for_cpu = 'compiled' if name in COMPILED_FOR_CPU else 'portable'
    for_cuda = 'compiled' if compiled.has_cuda else 'portable'
    assert kernel(on_cpu, on_cpu, b=2) == kernel(b=2, points=on_cpu) == (for_cpu, name)
    assert kernel(on_cuda, on_cpu, b=2) == kernel(b=2, points=on_cuda) == (for_cuda, name)
    assert kernel(torch.zeros(2, 3, device='meta')) == ('portable', name)


def test_filled_in_module_is_the_compiled_one(compiled):
    nms = compiled.nms
    install_mmcv_ext()
    assert sys.modules['mmcv._ext'] is compiled
    assert compiled.nms is nms
    before = dict(vars(compiled))
    install_mmcv_ext()
    assert vars(compiled) == before


def test_filled_in_kernels_are_ordinary_functions(compiled):
    fill_in(compiled)
    for name, portable in PORTABLE_KERNELS.items():
        kernel = getattr(compiled, name)
        assert kernel.__name__ == name
        assert inspect.signature(kernel) == inspect.signature(portable)
        assert pickle.loads(pickle.dumps(kernel)) is kernel


def test_broken_extension_says_so(monkeypatch):
    def fail(name):
        raise ImportError('undefined symbol', name=name)

    monkeypatch.setattr('importlib.import_module', fail)
    with pytest.raises(ImportError, match='undefined symbol'):
        install_mmcv_ext()


@pytest.mark.skipif(isinstance(sys.modules['mmcv._ext'], PortableExtension), reason='mmcv-lite has nothing compiled')
class TestCompiledMmcv:

    def test_ops_imported_before_run_on_the_cpu(self):
        code = (
            'import mmcv.ops, torch; from erda.ops.mmcv_ext import install_mmcv_ext; install_mmcv_ext(); '
            'points = torch.rand(1, 50, 3); rows = mmcv.ops.furthest_point_sample(points, 8); '
            'assert mmcv.ops.knn(3, points).shape == (1, 3, 50); '
            'mmcv.ops.gather_points(points.transpose(1, 2).contiguous(), rows)')
        subprocess.run([sys.executable, '-c', code], check=True, timeout=120)

    @pytest.mark.parametrize('max_points, max_voxels', [(-1, -1), (2, 30), (5, 2000)])
    def test_voxelization_compiled_for_the_cpu_equals_ours(self, monkeypatch, max_points, max_voxels):
        torch.manual_seed(0)
        points = torch.rand(300, 4) * 3 - 1
        settings = [0.2, 0.25, 0.5], [-0.5, -0.5, -0.5, 1.5, 1.5, 1.5], max_points, max_voxels
        expected = mmcv_ops.voxelization(points, *settings)
        monkeypatch.setattr(mmcv_ops.voxelize, 'ext_module', PortableExtension('mmcv._ext'))
        torch.testing.assert_close(mmcv_ops.voxelization(points, *settings), expected, rtol=0, atol=0)


def test_installing_twice_changes_nothing():
    before = sys.modules['mmcv._ext']
    install_mmcv_ext()
    assert sys.modules['mmcv._ext'] is before


def test_mmdet3d_imports_in_a_fresh_process():
    code = ('from erda.ops.mmcv_ext import install_mmcv_ext; install_mmcv_ext(); '
            'import mmcv.ops, mmdet3d.models, mmdet3d.datasets, mmdet3d.evaluation')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=120)
