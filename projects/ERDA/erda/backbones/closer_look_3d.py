from typing import List, Optional, Sequence

import numpy as np
import torch
from mmcv.cnn import build_norm_layer
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..config import ConfigError
from ..sampling import GridPyramid, check_grids, grid_pyramid, join_pyramids
from .local_aggregation import Neighborhood, build_aggregation


@MODELS.register_module()
class CloserLook3D(BaseModule):
    """CloserLook3D: a residual network of bottlenecks around a local aggregation, on ever coarser grids, and back.

    In training :class:`erda.sampling.GridNeighborTables` must have found the neighbours; in evaluation they are found
    here, on the CPU, where they are not given. x and y only say where a point is: the same thing elsewhere has the same
    features.

    Args:
        in_channels: C_in of a point, x, y, z in metres first.
        channels: C of the finest level; each next level has twice as many.
        blocks: bottlenecks of each level but the finest, which has one.
        aggregation: ``'pospool'``, ``'pospool_sin_cos'`` (PosPool*) or ``'pseudo_grid'``, which is the one of ERDA's
            code.
        voxel_size: edge of the voxels of the scan's grid in metres.
        radius: how far neighbours are on the finest level, metres; on each next level twice as far.
        num_neighbors: for each level, of how many neighbours it knows.
        norm_cfg: of layers over rows.
        init_cfg: as in mmengine.

    Raises:
        ConfigError: if the aggregation is unknown or does not fit ``channels``, there are no blocks, or as
            :func:`erda.sampling.check_grids`.

    Source: https://arxiv.org/abs/2007.01294; the sizes are those of the authors' code for S3DIS,
        https://github.com/zeliu98/CloserLook3D, 18.4 million parameters with a head for 13 classes.
    """

    def __init__(self,
                 in_channels: int,
                 channels: int = 144,
                 blocks: int = 2,
                 aggregation: str = 'pospool',
                 voxel_size: float = 0.04,
                 radius: float = 0.1,
                 num_neighbors: Sequence[int] = (26, 31, 38, 41, 39),
                 norm_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        check_grids(voxel_size, radius, num_neighbors)
        if blocks < 1:
            raise ConfigError(f'CloserLook3D: blocks={blocks} must be at least 1')
        self.voxel_size, self.radius, self.num_neighbors = voxel_size, radius, tuple(num_neighbors)
        norm_cfg = norm_cfg or dict(type='BN1d')
        widths = [channels * 2**level for level in range(len(num_neighbors))]
        self.stem = _linear(in_channels - 2, channels // 2, norm_cfg)
        self.stem_aggregation = Aggregation(channels // 2, aggregation, norm_cfg)
        self.encoder = nn.ModuleList([nn.ModuleList([Bottleneck(channels // 2, channels, aggregation, norm_cfg)])])
        for before, width in zip(widths, widths[1:]):
            self.encoder.append(nn.ModuleList(
                Bottleneck(width if block else before, width, aggregation, norm_cfg) for block in range(blocks)))
        below = [*(width // 2 for width in widths[1:-1]), widths[-1]]
        self.decoder = nn.ModuleList(
            _linear(width + coarse, width // 2, norm_cfg) for width, coarse in zip(widths[:-1], below))

    def forward(self, points: Tensor, pyramid: Optional[GridPyramid] = None) -> Tensor:
        """Features ``[B, channels // 2, N]`` of points.

        Args:
            points: ``[B, N, C_in]``, x, y, z first.
            pyramid: of the B scans below each other, see :func:`erda.sampling.join_pyramids`.

        Raises:
            ConfigError: without a pyramid in training, with one of other levels or neighbours, or if only one point of
                a batch is left in training.
        """
        if pyramid is None:
            if self.training:
                raise ConfigError(f'CloserLook3D needs neighbours in training: put {self._transform} behind '
                                  'Pack3DDetInputs, and WeakSegDataPreprocessor into the model')
            pyramid = self._find(points)
        given = tuple(near.shape[1] for near in pyramid.neighbors)
        if given != self.num_neighbors:
            raise ConfigError(f'CloserLook3D has {self.num_neighbors} neighbours on its levels, the pyramid {given}: '
                              f'the pipeline needs {self._transform}')
        if self.training and len(pyramid.neighbors[-1]) < 2:
            raise ConfigError(f'CloserLook3D has 1 point of a batch of {tuple(points.shape[:2])} left on its last '
                              'level, too few to normalise in training: use larger samples or batches')
        rows = points.flatten(0, 1)
        return self._features(rows[:, :3], rows[:, 2:], pyramid).unflatten(0, points.shape[:2]).transpose(1, 2)

    def _features(self, xyz: Tensor, features: Tensor, pyramid: GridPyramid) -> Tensor:
        near = Neighborhood.of(xyz, xyz, pyramid.neighbors[0], self.radius)
        x = self.stem_aggregation(self.stem(features), near)
        skips: List[Tensor] = []
        level: nn.ModuleList
        for number, level in enumerate(self.encoder):  # type: ignore[assignment]
            if number > 0:
                skips.append(x)
                coarse, radius = pyramid.xyz[number - 1], self.radius * 2**number
                x = level[0](x, Neighborhood.of(coarse, xyz, pyramid.pooled[number - 1], radius / 2), pooled=True)
                xyz, near = coarse, Neighborhood.of(coarse, coarse, pyramid.neighbors[number], radius)
            for block in level[min(number, 1):]:
                x = block(x, near)
        for linear, skip, nearest in reversed([*zip(self.decoder, skips, pyramid.nearest)]):
            x = linear(torch.cat([skip, x[nearest]], dim=1))
        return x

    def pyramid_of(self, scan: Tensor, rng: np.random.Generator) -> GridPyramid:
        """That of one scan ``[N, C]``, on the CPU; nothing in it is random."""
        return grid_pyramid(scan[:, :3].detach().cpu().numpy(), self.voxel_size, self.radius, self.num_neighbors)

    def _find(self, points: Tensor) -> GridPyramid:
        pyramid = join_pyramids([self.pyramid_of(scan, np.random.default_rng(0)) for scan in points])
        return GridPyramid(*([rows.to(points.device) for rows in tables] for tables in pyramid))

    @property
    def _transform(self) -> str:
        return (f"dict(type='GridNeighborTables', voxel_size={self.voxel_size}, radius={self.radius}, "
                f'num_neighbors={self.num_neighbors})')


class Aggregation(nn.Module):
    """A local aggregation, a norm and a ReLU; ``[N, C]`` to ``[M, C]``."""

    def __init__(self, channels: int, kind: str, norm_cfg: dict) -> None:
        super().__init__()
        self.pool = build_aggregation(kind, channels)
        self.norm = build_norm_layer(norm_cfg, channels)[1]

    def forward(self, features: Tensor, near: Neighborhood) -> Tensor:
        return self.norm(self.pool(features, near)).relu()


class Bottleneck(nn.Module):
    """A linear layer to half of the channels, an aggregation, a linear layer back, and a shortcut.

    Args:
        in_channels: C_in.
        channels: C.
        aggregation: see :class:`CloserLook3D`.
        norm_cfg: of layers over rows.
    """

    def __init__(self, in_channels: int, channels: int, aggregation: str, norm_cfg: dict) -> None:
        super().__init__()
        self.reduce = _linear(in_channels, channels // 2, norm_cfg)
        self.aggregation = Aggregation(channels // 2, aggregation, norm_cfg)
        self.expand = _linear(channels // 2, channels, norm_cfg, activation=False)
        self.shortcut = nn.Identity() if in_channels == channels else _linear(
            in_channels, channels, norm_cfg, activation=False)

    def forward(self, features: Tensor, near: Neighborhood, pooled: bool = False) -> Tensor:
        """``[N, C_in]`` to ``[M, C]``; ``pooled`` where the M points are not the N themselves."""
        shortcut = self.shortcut(near.max(features) if pooled else features)
        return (self.expand(self.aggregation(self.reduce(features), near)) + shortcut).relu()


def _linear(in_channels: int, out_channels: int, norm_cfg: dict, activation: bool = True) -> nn.Sequential:
    """A linear layer over rows, whose bias the norm has, and perhaps a ReLU."""
    layers = [nn.Linear(in_channels, out_channels, bias=False), build_norm_layer(norm_cfg, out_channels)[1]]
    return nn.Sequential(*layers, nn.ReLU()) if activation else nn.Sequential(*layers)
