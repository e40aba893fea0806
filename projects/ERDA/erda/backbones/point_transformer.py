from typing import Any, Optional, Sequence

from mmcv.cnn import ConvModule
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..config import ConfigError
from .point_transitions import TransitionDown, TransitionUp, WholeScan, nearest, sample
from .vector_attention import CONV_1D, VectorAttentionBlock


@MODELS.register_module()
class PointTransformer(BaseModule):
    """Point Transformer: vector attention among the nearest points, in a U-Net over fewer and fewer of them.

    For scans of the same number of points, without voxels; beside mmdet3d's ``PointNet2SASSG``, under
    :class:`erda.heads.PointTransformerHead`.

    Args:
        in_channels: C_in of a point, x, y, z in metres first.
        channels: channels of each level, the first of all points; each next level has a quarter of them.
        blocks: blocks of each level of the encoder; those of the decoder have one.
        num_neighbors: points that a point attends to.
        init_cfg: as in mmengine.

    Raises:
        ConfigError: if ``channels`` and ``blocks`` are not of the same length, or a width is no multiple of 8.

    Source: https://arxiv.org/abs/2012.09164; with a head for 13 classes the network has the 7.8 million parameters of
        the authors'.
    """

    def __init__(self,
                 in_channels: int,
                 channels: Sequence[int] = (32, 64, 128, 256, 512),
                 blocks: Sequence[int] = (1, 2, 3, 5, 2),
                 num_neighbors: int = 16,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if len(channels) != len(blocks):
            raise ConfigError(f'PointTransformer has {len(channels)} channels, but {len(blocks)} blocks: each level '
                              'needs one of both')
        self.num_neighbors = num_neighbors
        self.embedding = ConvModule(in_channels, channels[0], **CONV_1D)
        self.down = nn.ModuleList(map(TransitionDown, channels[:-1], channels[1:]))
        self.encoder = nn.ModuleList(nn.ModuleList(VectorAttentionBlock(width) for _ in range(number))
                                     for width, number in zip(channels, blocks))
        self.whole_scan = WholeScan(channels[-1])
        self.up = nn.ModuleList(map(TransitionUp, channels[1:], channels[:-1]))
        self.decoder = nn.ModuleList(map(VectorAttentionBlock, channels))

    def forward(self, points: Tensor) -> Tensor:
        """Features ``[B, channels[0], N]`` of points ``[B, N, C_in]``."""
        xyz = points[..., :3].contiguous()
        levels = [(xyz, nearest(xyz, xyz, self.num_neighbors))]
        x = self.embedding(points.transpose(1, 2).contiguous())
        skips = []
        blocks: Any
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                skips.append(x)
                finer, xyz = xyz, sample(xyz)
                x = self.down[level - 1](x, finer, xyz, nearest(finer, xyz, self.num_neighbors))
                levels.append((xyz, nearest(xyz, xyz, self.num_neighbors)))
            for block in blocks:
                x = block(x, *levels[level])
        x = self.decoder[-1](self.whole_scan(x), *levels[-1])
        for level in reversed(range(len(skips))):
            x = self.up[level](x, levels[level + 1][0], skips[level], levels[level][0])
            x = self.decoder[level](x, *levels[level])
        return x
