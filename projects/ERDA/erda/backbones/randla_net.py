from typing import List, Optional, Sequence

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..config import ConfigError
from ..sampling import PointPyramid, join_pyramids, point_pyramid
from .local_feature_aggregation import SLOPE, DilatedResidualBlock, SharedMLP


@MODELS.register_module()
class RandLANet(BaseModule):
    """RandLA-Net: local feature aggregation on ever smaller random parts of a scan, and nearest neighbours back up.

    Each level ends in a random part of its points, which take the largest features among their neighbours. In training
    :class:`erda.sampling.NeighborTables` must have found the neighbours; in evaluation they are found here, on the CPU,
    where they are not given, with the same random part each time.

    Args:
        in_channels: of a point, x, y, z included.
        channels: C of each level's :class:`DilatedResidualBlock`; the defaults are those for S3DIS.
        ratios: for each level, one of how many points is kept.
        num_neighbors: K.
        stem_channels: of the first layer.
        norm_cfg: of layers over rows.
        residual_slope: of the leaky ReLU behind each block's shortcut; 0.01 in Open3D-ML's weights.
        init_cfg: as in mmengine.

    Raises:
        ValueError: if ``channels`` and ``ratios`` differ in length.

    Source: https://arxiv.org/abs/1911.11236, and its authors' code, https://github.com/QingyongHu/RandLA-Net, which
        adds the maximum over neighbours and the fifth level.
    """

    def __init__(self,
                 in_channels: int,
                 channels: Sequence[int] = (16, 64, 128, 256, 512),
                 ratios: Sequence[int] = (4, 4, 4, 4, 2),
                 num_neighbors: int = 16,
                 stem_channels: int = 8,
                 norm_cfg: Optional[dict] = None,
                 residual_slope: float = SLOPE,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if len(channels) != len(ratios):
            raise ConfigError(f'RandLANet: channels={tuple(channels)} and ratios={tuple(ratios)} need a number for '
                              'each level')
        norm_cfg = norm_cfg or dict(type='BN1d', eps=1e-6, momentum=0.01)
        self.ratios, self.num_neighbors = tuple(ratios), num_neighbors
        self.stem = SharedMLP(in_channels, stem_channels, norm_cfg)
        widths = [2 * width for width in channels]  # of the features on each level, the coarsest but one last
        self.encoder = nn.ModuleList(
            DilatedResidualBlock(before, width, norm_cfg, residual_slope)
            for before, width in zip([stem_channels, *widths], channels))
        self.bottom = SharedMLP(widths[-1], widths[-1], norm_cfg)
        skips = [widths[0], *widths[:-1]]
        self.decoder = nn.ModuleList(
            SharedMLP(skip + below, skip, norm_cfg) for skip, below in zip(skips, [*skips[1:], widths[-1]]))

    def forward(self, points: Tensor, pyramid: Optional[PointPyramid] = None) -> dict:
        """Features of each point.

        Args:
            points: ``[B, N, C_in]``, x, y, z first.
            pyramid: of the B scans below each other, see :func:`erda.sampling.join_pyramids`.

        Returns: ``point_features``, ``[B, 2 * channels[0], N]``.

        Raises:
            ValueError: without a pyramid in training, with one of another number of levels or neighbours, or if only
                one point of a batch is left in training.
        """
        if pyramid is None:
            if self.training:
                raise ConfigError(f'RandLANet needs neighbours in training: put {self._transform} behind '
                                  'Pack3DDetInputs, and WeakSegDataPreprocessor into the model')
            pyramid = self._find(points)
        levels, given = len(pyramid.neighbors), pyramid.neighbors[0].shape[1]
        if (levels, given) != (len(self.ratios), self.num_neighbors):
            raise ConfigError(f'RandLANet has {len(self.ratios)} levels and {self.num_neighbors} neighbours, the '
                              f'pyramid {levels} and {given}: the pipeline needs {self._transform}')
        if self.training and len(pyramid.kept[-1]) < 2:
            raise ConfigError(f'RandLANet has 1 point of a batch of {tuple(points.shape[:2])} left on its last level, '
                              'too few to normalise in training: use larger samples or batches')
        return dict(point_features=self._features(points, pyramid))

    def _features(self, points: Tensor, pyramid: PointPyramid) -> Tensor:
        rows = points.flatten(0, 1)
        xyz, x = rows[:, :3], self.stem(rows)
        skips: List[Tensor] = []
        for block, neighbors, kept in zip(self.encoder, pyramid.neighbors, pyramid.kept):
            before, x = x, block(x, xyz, neighbors)
            skips.append(before if skips else x)
            x, xyz = x[neighbors[kept]].amax(dim=1), xyz[kept]
        x = self.bottom(x)
        for mlp, skip, nearest in reversed([*zip(self.decoder, skips, pyramid.nearest)]):
            x = mlp(torch.cat([skip, x[nearest]], dim=1))
        return x.unflatten(0, points.shape[:2]).transpose(1, 2)

    def pyramid_of(self, scan: Tensor, rng: np.random.Generator) -> PointPyramid:
        """That of one scan ``[N, C]``, on the CPU; random numbers choose the points of its levels."""
        return point_pyramid(scan[:, :3].detach().cpu().numpy(), self.num_neighbors, self.ratios, rng)

    def _find(self, points: Tensor) -> PointPyramid:
        pyramid = join_pyramids([self.pyramid_of(scan, np.random.default_rng(0)) for scan in points])
        return PointPyramid(*([rows.to(points.device) for rows in tables] for tables in pyramid))

    @property
    def _transform(self) -> str:
        return f"dict(type='NeighborTables', num_neighbors={self.num_neighbors}, ratios={self.ratios})"
