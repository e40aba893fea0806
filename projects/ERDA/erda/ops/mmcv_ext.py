"""What ``mmcv._ext``, the compiled half of mmcv, lacks: all of it under mmcv-lite, else most kernels for the CPU."""
import functools
import importlib
import importlib.machinery
import sys
import types
from typing import Any, Callable, Dict

from torch import Tensor

from . import (
    assign_score_withk,
    ball_query,
    dynamic_scatter,
    furthest_point_sample,
    knn,
    mmcv_sparse,
    point_groups,
    three_interpolate,
    voxelize,
)

# Name in mmcv._ext -> portable function; one module per family of kernels.
PORTABLE_KERNELS: Dict[str, Callable[..., Any]] = {
    'get_indice_pairs_2d_forward': mmcv_sparse.get_indice_pairs_forward,
    'get_indice_pairs_3d_forward': mmcv_sparse.get_indice_pairs_forward,
    'get_indice_pairs_4d_forward': mmcv_sparse.get_indice_pairs_forward,
    'indice_conv_forward': mmcv_sparse.indice_conv_forward,
    'indice_conv_backward': mmcv_sparse.indice_conv_backward,
    'fused_indice_conv_forward': mmcv_sparse.fused_indice_conv_forward,
    'indice_maxpool_forward': mmcv_sparse.indice_maxpool_forward,
    'indice_maxpool_backward': mmcv_sparse.indice_maxpool_backward,
    'dynamic_point_to_voxel_forward': dynamic_scatter.dynamic_point_to_voxel_forward,
    'dynamic_point_to_voxel_backward': dynamic_scatter.dynamic_point_to_voxel_backward,
    'furthest_point_sampling_forward': furthest_point_sample.furthest_point_sampling_forward,
    'furthest_point_sampling_with_dist_forward': furthest_point_sample.furthest_point_sampling_with_dist_forward,
    'ball_query_forward': ball_query.ball_query_forward,
    'knn_forward': knn.knn_forward,
    'gather_points_forward': point_groups.gather_points_forward,
    'gather_points_backward': point_groups.gather_points_backward,
    'group_points_forward': point_groups.group_points_forward,
    'group_points_backward': point_groups.group_points_backward,
    'three_nn_forward': three_interpolate.three_nn_forward,
    'three_interpolate_forward': three_interpolate.three_interpolate_forward,
    'three_interpolate_backward': three_interpolate.three_interpolate_backward,
    'dynamic_voxelize_forward': voxelize.dynamic_voxelize_forward,
    'hard_voxelize_forward': voxelize.hard_voxelize_forward,
    'assign_score_withk_forward': assign_score_withk.assign_score_withk_forward,
    'assign_score_withk_backward': assign_score_withk.assign_score_withk_backward,
}

# What mmcv 2.1.0 compiles for the CPU of the above; its other kernels raise there.
COMPILED_FOR_CPU = ('dynamic_voxelize_forward', 'hard_voxelize_forward')


def install_mmcv_ext() -> None:
    """Let ``mmcv.ops`` be imported and run on this machine. Calling it twice changes nothing.

    Under mmcv-lite, a stand-in for ``mmcv._ext`` has the portable kernels, and the others say what is missing when they
    are called; it must be in place before ``mmcv.ops`` is imported. Under a compiled mmcv, before or after that, the
    portable kernels take the calls for which nothing is compiled: see :func:`fill_in`. The wrappers of furthest point
    sampling and kNN, which know CUDA only, take tensors on any device under both.
    """
    try:
        extension = importlib.import_module('mmcv._ext')
    except ModuleNotFoundError as error:
        if error.name != 'mmcv._ext':
            return
        extension = PortableExtension('mmcv._ext')
        sys.modules['mmcv._ext'] = extension
        import mmcv
        mmcv._ext = extension
    if not isinstance(extension, PortableExtension):
        fill_in(extension)
    furthest_point_sample.let_mmcv_sample_on_cpu()
    knn.let_mmcv_find_neighbors_on_cpu()


def fill_in(extension: types.ModuleType) -> None:
    """Give the kernels of a compiled ``mmcv._ext`` the devices that they lack.

    The compiled kernel runs on CUDA if mmcv was compiled for it, and on the CPU if it is one of ``COMPILED_FOR_CPU``;
    everywhere else the portable one does. The module itself changes, as each file of ``mmcv.ops`` holds a reference.
    """
    for name, portable in PORTABLE_KERNELS.items():
        compiled = getattr(extension, name)
        if not hasattr(compiled, 'on_any_device'):
            setattr(extension, name, _on_any_device(name, compiled, portable, extension))


def _on_any_device(name: str, compiled: Callable[..., Any], portable: Callable[..., Any],
                   extension: types.ModuleType) -> Callable[..., Any]:
    devices = {'cuda'} if extension.get_compiling_cuda_version() != 'not available' else set()
    if name in COMPILED_FOR_CPU:
        devices.add('cpu')

    @functools.wraps(portable)
    def kernel(*args: Any, **kwargs: Any) -> Any:
        # The first tensor decides: voxelization keeps the size of the voxels on the CPU.
        first = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        return (compiled if first.device.type in devices else portable)(*args, **kwargs)

    # Pickled by name, it is found again also by a process that has nothing filled in.
    kernel.__module__, kernel.__name__, kernel.__qualname__ = extension.__name__, name, name
    kernel.on_any_device = True  # type: ignore[attr-defined]  # a mark
    return kernel


class PortableExtension(types.ModuleType):
    """Module whose known kernels are portable and whose others raise when they are called."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 'Portable kernels of erda.ops in place of compiled ones.')
        self.__dict__.update(PORTABLE_KERNELS)
        # Lets importlib.util.find_spec, and mmcv's own check for its ops, see a normal module.
        self.__spec__ = importlib.machinery.ModuleSpec(name, loader=None)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('_'):  # No kernel is called so; inspect and pickle look for dunders.
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        return MissingKernel(name)


class MissingKernel:
    """A kernel of ``mmcv._ext`` that only a compiled mmcv has."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f'mmcv op {self.name!r} has no portable version in erda.ops and needs compiled mmcv: '
            '`pip uninstall mmcv-lite`, then `pip install mmcv==2.1.0` builds it')

    def __repr__(self) -> str:
        return f'<mmcv op {self.name!r}, needs compiled mmcv>'
