"""Networks that mmdet3d lacks."""
from .point_transformer import PointTransformer
from .point_transformer_v3 import PointTransformerV3

__all__ = ['PointTransformer', 'PointTransformerV3']
