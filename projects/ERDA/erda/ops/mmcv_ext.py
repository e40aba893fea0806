"""A stand-in for ``mmcv._ext``, the compiled half of mmcv that mmcv-lite comes without."""
import importlib
import importlib.machinery
import sys
import types
from typing import Any, Callable

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
PORTABLE_KERNELS = {
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


def install_mmcv_ext() -> bool:
    """Make ``import mmcv.ops`` work where mmcv has no compiled kernels; call it before that.

    Kernels without a portable version import as well and say what is missing when called.
    Furthest point sampling and kNN, whose wrappers in mmcv know CUDA only, take tensors on the CPU.
    A compiled ``mmcv._ext`` stays as it is.

    Returns: True if the stand-in is in place (calling twice changes nothing).
    """
    try:
        extension = importlib.import_module('mmcv._ext')
    except ModuleNotFoundError as error:
        # A compiled extension that fails to load (another torch, say) must say so itself.
        if error.name != 'mmcv._ext':
            return False
    else:
        return isinstance(extension, PortableExtension)
    extension = PortableExtension('mmcv._ext')
    sys.modules['mmcv._ext'] = extension
    importlib.import_module('mmcv')._ext = extension
    furthest_point_sample.let_mmcv_sample_on_cpu()
    knn.let_mmcv_find_neighbors_on_cpu()
    return True


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
