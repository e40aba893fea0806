from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ..config import ConfigError
from ..weak_labels import grid_subsample

MASKS = ('pts_semantic_mask', 'pts_instance_mask')


@TRANSFORMS.register_module()
class GridSubsample(BaseTransform):
    """Keeps the first point of each voxel: those that a budget with ``base=dict(voxel_size=...)`` draws from.

    It comes behind the loading of labels and in front of anything that moves points. Modified keys: ``points``,
    ``pts_semantic_mask`` and ``pts_instance_mask``, if they are there.

    Args:
        voxel_size: edge of a voxel in metres, the same as in the budget: with another one labels are lost.

    Raises:
        ValueError: if ``voxel_size`` is not positive.
    """

    def __init__(self, voxel_size: float) -> None:
        if not voxel_size > 0:
            raise ConfigError(f'GridSubsample: voxel_size={voxel_size} must be positive, in metres')
        self.voxel_size = voxel_size

    def transform(self, results: dict) -> dict:
        kept = grid_subsample(results['points'].coord.numpy(), self.voxel_size)
        results['points'] = results['points'][kept]
        for key in MASKS:
            if key in results:
                results[key] = results[key][kept]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(voxel_size={self.voxel_size})'
