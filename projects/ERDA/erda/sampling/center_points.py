from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CenterPoints(BaseTransform):
    """Moves a scan so that its middle in x and y and its lowest z become 0.

    For networks that take coordinates as features, on scans whose origin is anywhere, such as a corner of a room.
    The middle is that of the extent, so it does not depend on how dense the points are. Modified key: ``points``.
    """

    def transform(self, results: dict) -> dict:
        points = results['points']
        low, high = points.coord.min(dim=0).values, points.coord.max(dim=0).values
        origin = (low + high) / 2
        origin[2] = low[2]
        points.translate(-origin)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
