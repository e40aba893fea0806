"""To voxels twice as large, and back.

Source: grid pooling of Point Transformer V2, section 3.3, https://arxiv.org/abs/2210.05666
"""
from typing import Tuple

from mmcv.cnn import build_norm_layer
from torch import Tensor, nn


class GridPooling(nn.Module):
    """The largest value per channel among the voxels of a larger one.

    Args:
        in_channels: C of the finer level.
        out_channels: D of the coarser one.
        norm_cfg: config of a norm over rows.
    """

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.proj = nn.Linear(in_channels, out_channels)
        self.norm = nn.Sequential(build_norm_layer(norm_cfg, out_channels)[1])
        self.act = nn.GELU()

    def forward(self, features: Tensor, parents: Tensor, num_parents: int) -> Tensor:
        """Features ``[N, C]`` of voxels that lie in ``parents [N]`` to those of the larger voxels ``[M, D]``."""
        features = self.proj(features)
        pooled = features.new_zeros(num_parents, features.shape[1]).scatter_reduce(
            0, parents[:, None].expand_as(features), features, 'amax', include_self=False)
        return self.act(self.norm(pooled))


class GridUnpooling(nn.Module):
    """What a larger voxel has, added to what each of its voxels had before pooling.

    Args:
        in_channels: C of the coarser level.
        skip_channels: S of the encoder at the finer level.
        out_channels: D of the decoder there.
        norm_cfg: config of a norm over rows.
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.proj, self.proj_skip = (
            nn.Sequential(nn.Linear(channels, out_channels), build_norm_layer(norm_cfg, out_channels)[1], nn.GELU())
            for channels in (in_channels, skip_channels))

    def forward(self, features: Tensor, skip: Tensor, parents: Tensor) -> Tuple[Tensor, Tensor]:
        """Features ``[M, C]``, those of the encoder ``[N, S]`` and ``parents [N]`` to features ``[N, D]``.

        Returns: the features, and what the encoder alone has given to them.
        """
        skip = self.proj_skip(skip)
        return skip + self.proj(features)[parents], skip
