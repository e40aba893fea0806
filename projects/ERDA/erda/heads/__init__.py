"""The seam in the segmentor: ``ERDAHeadMixin`` and a registered head for each network."""
from .classified_points import ClassifierCall, classify_points, mean_call
from .erda_head_mixin import ERDAHeadMixin
from .point_selection import PointSelection
from .point_transformer_head import PointTransformerHead
from .randla_net_head import RandLANetHead
from .segmentor_heads import (
    ERDACylinder3DHead,
    ERDADGCNNHead,
    ERDAMinkUNetHead,
    ERDAPAConvHead,
    ERDAPointNet2Head,
    ERDAPointTransformerHead,
    ERDARandLANetHead,
)
from .turned_points import turned_points

__all__ = [
    'ClassifierCall', 'ERDACylinder3DHead', 'ERDADGCNNHead', 'ERDAHeadMixin', 'ERDAMinkUNetHead', 'ERDAPAConvHead',
    'ERDAPointNet2Head', 'ERDAPointTransformerHead', 'ERDARandLANetHead', 'PointSelection', 'PointTransformerHead',
    'RandLANetHead', 'classify_points', 'mean_call', 'turned_points'
]
