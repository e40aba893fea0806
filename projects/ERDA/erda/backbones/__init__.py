"""Networks that mmdet3d lacks."""
from .randla_net import RandLANet

__all__ = ['RandLANet']
