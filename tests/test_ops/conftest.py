import importlib

import pytest

from erda.ops import ball_query, furthest_point_sample, knn, three_interpolate, voxelize
from erda.ops.mmcv_ext import PortableExtension, install_mmcv_ext

install_mmcv_ext()
FILES = ('assign_score_withk', 'ball_query', 'furthest_point_sample', 'gather_points', 'group_points', 'knn',
         'three_interpolate', 'three_nn', 'voxelize')


@pytest.fixture
def point_ops(monkeypatch):
    """mmcv.ops with the portable point kernels, also where mmcv is compiled."""
    ops = pytest.importorskip('mmcv.ops')
    furthest_point_sample.let_mmcv_sample_on_cpu()
    knn.let_mmcv_find_neighbors_on_cpu()
    for file in FILES:
        monkeypatch.setattr(importlib.import_module(f'mmcv.ops.{file}'), 'ext_module', PortableExtension('mmcv._ext'))
    return ops


@pytest.fixture(params=['numba', 'torch'])
def loop(request, monkeypatch):
    """Kernels with a loop as on a CPU, and as on any other device."""
    if request.param == 'torch':
        for module in (ball_query, furthest_point_sample, knn, three_interpolate, voxelize):
            monkeypatch.setattr(module, 'takes_compiled_loop', lambda points: False)
    return request.param
