"""Networks that mmdet3d lacks."""
from .point_transformer import PointTransformer
from .point_transformer_v3 import PointTransformerV3
from .randla_net import RandLANet

__all__ = ['PointTransformer', 'PointTransformerV3', 'RandLANet']
