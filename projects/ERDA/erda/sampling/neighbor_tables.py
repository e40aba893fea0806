from typing import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

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
