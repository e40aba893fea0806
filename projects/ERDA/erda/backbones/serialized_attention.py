"""The block of Point Transformer V3: a convolution that says where a voxel is, attention within patches, an MLP.

Modules have the names of the published weights, hence a Sequential around a single layer.

Source: Point Transformer V3, section 4.3, https://arxiv.org/abs/2312.10035
"""
from typing import Optional

import torch
import torch.nn.functional as F
from mmcv.cnn import build_conv_layer
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ..config import ConfigError
from .voxel_level import VoxelLevel


class SerializedAttention(nn.Module):
    """Multi-head attention among the voxels of each patch.

    Args:
        channels: C.
        head_channels: channels of a head, a divisor of C.
        patch_size: voxels of a patch.
        order: number of the order that the patches follow.

    Raises:
        ConfigError: if the heads do not divide the channels.
    """

    def __init__(self, channels: int, head_channels: int, patch_size: int, order: int) -> None:
        super().__init__()
        if channels % head_channels:
            raise ConfigError(f'{channels} channels cannot be divided into heads of {head_channels}')
        self.head_channels = head_channels
        self.patch_size = patch_size
        self.order = order
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, features: Tensor, level: VoxelLevel) -> Tensor:
        """``[N, C]`` to ``[N, C]``."""
        patches = level.patches(self.order, self.patch_size)
        in_places = self.qkv(features)[patches.voxels]
        attended = []
        for rows, (number, length) in zip(in_places.split([p * n for p, n in patches.shapes]), patches.shapes):
            query, key, value = rows.view(number, length, 3, -1, self.head_channels).permute(2, 0, 3, 1, 4)
            attended.append(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2).flatten(0, 1))
        return self.proj(torch.cat(attended)[patches.places])


class MLP(nn.Module):
    """Two linear layers on rows ``[N, C]``, with ``ratio`` times as many channels in between."""

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, int(channels * ratio))
        self.act = nn.GELU()
        self.fc2 = nn.Linear(int(channels * ratio), channels)

    def forward(self, features: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(features)))


class SerializedBlock(nn.Module):
    """Position by convolution (xCPE), attention and MLP, each added to what came in.

    Args:
        channels: C.
        head_channels, patch_size, order: see :class:`SerializedAttention`.
        mlp_ratio: see :class:`MLP`.
        drop_path: share of the voxels for which a training step leaves out attention, and likewise the MLP.
        indice_key: names the search for neighbours, which the blocks of a level share.
    """

    def __init__(self, channels: int, head_channels: int, patch_size: int, order: int, mlp_ratio: float,
                 drop_path: float, indice_key: str) -> None:
        super().__init__()
        self.cpe = nn.Sequential(
            build_conv_layer(dict(type='SubMConv3d'), channels, channels, kernel_size=3, indice_key=indice_key),
            nn.Linear(channels, channels), nn.LayerNorm(channels))
        self.norm1 = nn.Sequential(nn.LayerNorm(channels))
        self.attn = SerializedAttention(channels, head_channels, patch_size, order)
        self.norm2 = nn.Sequential(nn.LayerNorm(channels))
        self.mlp = nn.Sequential(MLP(channels, mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, features: Tensor, level: VoxelLevel, position_from: Optional[Tensor] = None) -> Tensor:
        """``[N, C]`` to ``[N, C]``; the convolution sees other features ``[N, C]`` if they are given."""
        seen = features if position_from is None else position_from
        features = features + self.cpe[1:](level.convolve(self.cpe[0], seen))
        features = features + self.drop_path(self.attn(self.norm1(features), level))
        return features + self.drop_path(self.mlp(self.norm2(features)))
