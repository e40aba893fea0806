"""Networks that mmdet3d lacks."""
from .closer_look_3d import CloserLook3D
from .point_transformer import PointTransformer
from .point_transformer_v3 import PointTransformerV3
from .randla_net import RandLANet

__all__ = ['CloserLook3D', 'PointTransformer', 'PointTransformerV3', 'RandLANet']
