from typing import Any, List, Optional, Sequence

import numpy as np
from mmcv.cnn import build_conv_layer, build_norm_layer
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..config import ConfigError
from .grid_pooling import GridPooling, GridUnpooling
from .serialized_attention import SerializedBlock
from .voxel_level import VoxelLevel

STEMS = ('conv', 'linear')
PUBLISHED_NORM = dict(type='BN1d', eps=1e-3, momentum=0.01)


@MODELS.register_module()
class PointTransformerV3(BaseModule):
    """Point Transformer V3: attention within patches along space-filling curves, in a U-Net over voxels.

    In the place of mmdet3d's ``MinkUNetBackbone``: it takes and gives the same. It pools by bits of the voxels'
    coordinates, so ``WeakSegDataPreprocessor`` needs no ``grid_multiple`` but 1. In training each level shuffles its
    orders; in prediction they stay as they are, so that a scan has one result.

    Parameters have the names and shapes of those that Pointcept publishes, see ``tools/zoo.py convert``.

    Args:
        in_channels: C_in of a voxel.
        encoder_channels: channels of each level, finest first; each next level has voxels twice as large.
        encoder_blocks: blocks of each level.
        decoder_channels: channels of each level but the coarsest, finest first; the first are what comes out.
        decoder_blocks: blocks of each of these levels.
        head_channels: channels of an attention head.
        patch_size: voxels that attend to each other.
        mlp_ratio: channels within an MLP, in those of its level.
        drop_path: share of voxels that skip the last block of the encoder in training; less in those before it.
        norm_cfg: norm of the stem and between levels; the blocks have layer norms.
        stem: ``'conv'``, a convolution over 5 x 5 x 5 voxels, or ``'linear'``, as in Sonata.
        position_from_skip: in the first block of a decoder's level the convolution sees what comes from the encoder
            alone, as in the training of Pointcept's weights of this network; not of Sonata, and not in the paper:
            https://github.com/Pointcept/PointTransformerV3/issues/149
        init_cfg: as in mmengine.

    Raises:
        ConfigError: if the numbers of levels contradict each other, or ``stem`` is unknown.

    Source: https://arxiv.org/abs/2312.10035; the sizes are those of the published models, 46.2 million parameters.
        Sonata: https://arxiv.org/abs/2503.16429
    """

    def __init__(self,
                 in_channels: int = 4,
                 encoder_channels: Sequence[int] = (32, 64, 128, 256, 512),
                 encoder_blocks: Sequence[int] = (2, 2, 2, 6, 2),
                 decoder_channels: Sequence[int] = (64, 64, 128, 256),
                 decoder_blocks: Sequence[int] = (2, 2, 2, 2),
                 head_channels: int = 16,
                 patch_size: int = 1024,
                 mlp_ratio: float = 4,
                 drop_path: float = 0.3,
                 norm_cfg: dict = PUBLISHED_NORM,
                 stem: str = 'conv',
                 position_from_skip: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        levels = len(encoder_channels)
        if (len(encoder_blocks), len(decoder_channels), len(decoder_blocks)) != (levels, levels - 1, levels - 1):
            raise ConfigError(f'PointTransformerV3 with {levels} encoder_channels needs {levels} encoder_blocks, and '
                              f'{levels - 1} decoder_channels and decoder_blocks')
        if stem not in STEMS:
            raise ConfigError(f'stem={stem!r} is not one of {STEMS}')

        self.position_from_skip = position_from_skip

        def blocks(level: int, channels: int, rates: List[float]) -> List[tuple]:
            return [(f'block{i}', SerializedBlock(channels, head_channels, patch_size, i, mlp_ratio, rate,
                                                  f'stage{level}')) for i, rate in enumerate(rates)]

        first = encoder_channels[0]
        self.embedding = nn.ModuleDict(dict(stem=_named([
            (stem, nn.Linear(in_channels, first) if stem == 'linear' else build_conv_layer(
                dict(type='SubMConv3d'), in_channels, first, kernel_size=5, bias=False, indice_key='stem')),
            ('norm', build_norm_layer(norm_cfg, first)[1]),
            ('act', nn.GELU())])))

        rates = np.linspace(0, drop_path, sum(encoder_blocks)).tolist()
        self.enc = nn.ModuleDict()
        for level, (channels, number) in enumerate(zip(encoder_channels, encoder_blocks)):
            down = [('down', GridPooling(encoder_channels[level - 1], channels, norm_cfg))] if level else []
            self.enc[f'enc{level}'] = _named(down + blocks(level, channels, rates[:number]))
            rates = rates[number:]

        rates = np.linspace(drop_path, 0, sum(decoder_blocks)).tolist()
        self.dec = nn.ModuleDict()
        channels = encoder_channels[-1]
        for level in reversed(range(levels - 1)):
            up = GridUnpooling(channels, encoder_channels[level], decoder_channels[level], norm_cfg)
            channels, number = decoder_channels[level], decoder_blocks[level]
            self.dec[f'dec{level}'] = _named([('up', up), *blocks(level, channels, rates[:number])])
            rates = rates[number:]

    def forward(self, voxel_features: Tensor, coors: Tensor) -> Tensor:
        """Features of voxels.

        Args:
            voxel_features: ``[N, C_in]``.
            coors: ``[N, 4]`` integers (scan, x, y, z), none of them negative, each voxel once, in any order.

        Returns: ``[N, decoder_channels[0]]``.
        """
        level = VoxelLevel.finest(coors, len(self.dec))
        levels, parents, skips = [level], [], []
        stage: Any = self.embedding['stem']
        stem, norm, act = stage.values()
        x = stem(voxel_features) if isinstance(stem, nn.Linear) else level.convolve(stem, voxel_features)
        x = act(norm(x))
        for stage in self.enc.values():
            if 'down' in stage:
                skips.append(x)
                level, parent = level.coarser()
                levels.append(level)
                parents.append(parent)
                x = stage['down'](x, parent, len(level.coors))
            if self.training:
                level.shuffle_orders()
            x = _blocks(stage, x, level)
        for stage in self.dec.values():
            levels.pop()
            x, skip = stage['up'](x, skips.pop(), parents.pop())
            x = _blocks(stage, x, levels[-1], skip if self.position_from_skip else None)
        return x


def _named(modules: List[tuple]) -> nn.ModuleDict:
    return nn.ModuleDict(dict(modules))


def _blocks(stage: nn.ModuleDict, x: Tensor, level: VoxelLevel, position_from: Optional[Tensor] = None) -> Tensor:
    for name, block in stage.items():
        if name.startswith('block'):
            x = block(x, level, position_from)
            position_from = None
    return x
