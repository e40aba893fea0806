"""Vector attention of Point Transformer: each group of channels weighs the neighbours of a point by itself.

Source: Point Transformer, section 3.2, https://arxiv.org/abs/2012.09164
"""
from typing import Any

from mmcv.cnn import ConvModule
from mmcv.ops import grouping_operation
from torch import Tensor, nn

from ..config import ConfigError

CONV_1D: Any = dict(kernel_size=1, conv_cfg=dict(type='Conv1d'), norm_cfg=dict(type='BN1d'))
CONV_2D: Any = dict(kernel_size=1, conv_cfg=dict(type='Conv2d'), norm_cfg=dict(type='BN2d'))


class VectorAttention(nn.Module):
    """Attention of points to their neighbours.

    Args:
        channels: C.
        share: channels that share one weight.

    Raises:
        ConfigError: if ``share`` does not divide the channels.
    """

    def __init__(self, channels: int, share: int = 8) -> None:
        super().__init__()
        if channels % share:
            raise ConfigError(f'{channels} channels cannot share their weights by {share}')
        self.query, self.key, self.value = (nn.Conv1d(channels, channels, 1) for _ in range(3))
        self.position = nn.Sequential(ConvModule(3, 3, **CONV_2D), nn.Conv2d(3, channels, 1))
        weights = channels // share
        self.weight = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, weights, 1),
            nn.BatchNorm2d(weights), nn.ReLU(), nn.Conv2d(weights, weights, 1))

    def forward(self, features: Tensor, xyz: Tensor, neighbours: Tensor) -> Tensor:
        """Features after attention.

        Args:
            features: ``[B, C, N]``.
            xyz: ``[B, N, 3]``.
            neighbours: ``[B, N, k]`` int32 rows.

        Returns: ``[B, C, N]``.
        """
        position = self.position(relative_positions(xyz, xyz, neighbours))
        key, value = (grouping_operation(layer(features), neighbours) for layer in (self.key, self.value))
        weights = self.weight(key - self.query(features).unsqueeze(3) + position).softmax(dim=3)
        value = (value + position).unflatten(1, (-1, weights.shape[1]))
        return (value * weights.unsqueeze(1)).sum(dim=4).flatten(1, 2)


class VectorAttentionBlock(nn.Module):
    """:class:`VectorAttention` between two linear layers, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = ConvModule(channels, channels, **CONV_1D)
        self.attention = VectorAttention(channels)
        self.norm = nn.BatchNorm1d(channels)
        self.after = ConvModule(channels, channels, act_cfg=None, **CONV_1D)
        self.act = nn.ReLU()

    def forward(self, features: Tensor, xyz: Tensor, neighbours: Tensor) -> Tensor:
        """As :meth:`VectorAttention.forward`."""
        attended = self.attention(self.before(features), xyz, neighbours)
        return self.act(features + self.after(self.act(self.norm(attended))))


def relative_positions(xyz: Tensor, centres: Tensor, neighbours: Tensor) -> Tensor:
    """``[B, 3, M, k]`` from centres ``[B, M, 3]`` to their neighbours ``[B, M, k]`` among ``xyz [B, N, 3]``."""
    return grouping_operation(xyz.transpose(1, 2).contiguous(), neighbours) - centres.transpose(1, 2).unsqueeze(3)
