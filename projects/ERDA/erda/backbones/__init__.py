"""Networks that mmdet3d lacks."""
from .randla_net import RandLANet
from .randla_net_head import RandLANetHead

__all__ = ['RandLANet', 'RandLANetHead']
