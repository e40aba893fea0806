from typing import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from .grid_pyramid import check_grids, grid_pyramid
from .point_pyramid import point_pyramid


@TRANSFORMS.register_module()
class NeighborTables(BaseTransform):
    """Finds neighbours in the workers of the data loader, so that a training step looks them up.

    It comes behind ``Pack3DDetInputs``, when nothing moves the points any more, and adds ``pyramid``, a
    :class:`PointPyramid`, to ``inputs``. :class:`erda.voxelization.WeakSegDataPreprocessor` hands it on.

    Args:
        num_neighbors: K, as in the backbone.
        ratios: for each level, one of how many points the next one keeps, as in the backbone.
    """

    def __init__(self, num_neighbors: int = 16, ratios: Sequence[int] = (4, 4, 4, 4, 2)) -> None:
        self.num_neighbors = num_neighbors
        self.ratios = tuple(ratios)

    def transform(self, results: dict) -> dict:
        inputs = results['inputs']
        rng = np.random.default_rng(np.random.randint(2**31))  # the worker's generator decides
        pyramid = point_pyramid(inputs['points'][:, :3].numpy(), self.num_neighbors, self.ratios, rng)
        return dict(results, inputs=dict(inputs, pyramid=pyramid))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_neighbors={self.num_neighbors}, ratios={self.ratios})'


@TRANSFORMS.register_module()
class GridNeighborTables(BaseTransform):
    """As :class:`NeighborTables`, for networks on ever coarser grids; ``pyramid`` is a :class:`GridPyramid`.

    Args:
        voxel_size: edge of the voxels of the scan's grid in metres, as in the backbone.
        radius: how far neighbours are on the scan's own level, metres, as in the backbone.
        num_neighbors: for each level, of how many neighbours it knows, as in the backbone.

    Raises:
        ValueError: as :func:`check_grids`.
    """

    def __init__(self,
                 voxel_size: float = 0.04,
                 radius: float = 0.1,
                 num_neighbors: Sequence[int] = (26, 31, 38, 41, 39)) -> None:
        check_grids(voxel_size, radius, num_neighbors)
        self.voxel_size, self.radius, self.num_neighbors = voxel_size, radius, tuple(num_neighbors)

    def transform(self, results: dict) -> dict:
        inputs = results['inputs']
        pyramid = grid_pyramid(inputs['points'][:, :3].numpy(), self.voxel_size, self.radius, self.num_neighbors)
        return dict(results, inputs=dict(inputs, pyramid=pyramid))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(voxel_size={self.voxel_size}, radius={self.radius}, '
                f'num_neighbors={self.num_neighbors})')
