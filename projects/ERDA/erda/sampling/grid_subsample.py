import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ..config import ConfigError
from ..weak_labels import grid_subsample

MASKS = ('pts_semantic_mask', 'pts_instance_mask')


@TRANSFORMS.register_module()
class GridSubsample(BaseTransform):
    """Keeps one point of each voxel: the first with a label or, where there is none, the first.

    So no voxel loses its label, whatever the budget was drawn from. Of a budget with ``base=dict(voxel_size=...)`` of
    the same size, whose labels are at the first points, none is lost at all.

    It comes behind the loading of labels and in front of anything that moves points. Modified keys: ``points``,
    ``pts_semantic_mask`` and ``pts_instance_mask``, if they are there.

    Args:
        voxel_size: edge of a voxel in metres.

    Raises:
        ValueError: if ``voxel_size`` is not positive.
    """

    def __init__(self, voxel_size: float) -> None:
        if not voxel_size > 0:
            raise ConfigError(f'GridSubsample: voxel_size={voxel_size} must be positive, in metres')
        self.voxel_size = voxel_size

    def transform(self, results: dict) -> dict:
        xyz = results['points'].coord.numpy()
        unlabelled = results.get('pts_semantic_mask', np.zeros(len(xyz))) < 0  # a hidden label that is marked, too
        order = np.argsort(unlabelled, kind='stable')
        kept = np.sort(order[grid_subsample(xyz[order], self.voxel_size)])
        results['points'] = results['points'][kept]
        for key in MASKS:
            if key in results:
                results[key] = results[key][kept]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(voxel_size={self.voxel_size})'
