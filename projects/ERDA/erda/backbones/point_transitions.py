"""To fewer points, and back.

Source: Point Transformer, section 3.4, https://arxiv.org/abs/2012.09164
"""
import torch
from mmcv.cnn import ConvModule
from mmcv.ops import furthest_point_sample, gather_points, grouping_operation, knn, three_interpolate, three_nn
from torch import Tensor, nn

from .vector_attention import CONV_1D, CONV_2D, relative_positions

RATE = 4  # points for each one that stays


def nearest(xyz: Tensor, centres: Tensor, num: int) -> Tensor:
    """Rows ``[B, M, k]`` int32 of the nearest points ``[B, N, 3]`` of centres ``[B, M, 3]``; all if there are fewer."""
    return knn(min(num, xyz.shape[1]), xyz, centres).transpose(1, 2).contiguous()


def sample(xyz: Tensor) -> Tensor:
    """A quarter of the points ``[B, N, 3]``, each the furthest from those before it, and at least one of each scan."""
    rows = furthest_point_sample(xyz, max(1, xyz.shape[1] // RATE))
    return gather_points(xyz.transpose(1, 2).contiguous(), rows).transpose(1, 2).contiguous()


class TransitionDown(nn.Module):
    """The largest value per channel among the neighbours of each point that stays.

    Args:
        in_channels: C.
        out_channels: D.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ConvModule(3 + in_channels, out_channels, **CONV_2D)

    def forward(self, features: Tensor, xyz: Tensor, sampled: Tensor, neighbours: Tensor) -> Tensor:
        """Features of fewer points.

        Args:
            features: ``[B, C, N]``.
            xyz: ``[B, N, 3]``.
            sampled: ``[B, M, 3]``, the points that stay.
            neighbours: ``[B, M, k]`` int32 rows of ``xyz``.

        Returns: ``[B, D, M]``.
        """
        offsets = relative_positions(xyz, sampled, neighbours)
        return self.conv(torch.cat([offsets, grouping_operation(features, neighbours)], 1)).amax(dim=3)


class TransitionUp(nn.Module):
    """What the three nearest of fewer points have, weighed by distance, added to what the encoder had.

    Args:
        in_channels: C of the fewer points.
        out_channels: D of the encoder at the others.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.skip = ConvModule(out_channels, out_channels, **CONV_1D)
        self.up = ConvModule(in_channels, out_channels, **CONV_1D)

    def forward(self, features: Tensor, xyz: Tensor, skip: Tensor, skip_xyz: Tensor) -> Tensor:
        """Features ``[B, C, M]`` at ``[B, M, 3]`` to ``[B, D, N]``, like those of the encoder, at ``[B, N, 3]``."""
        distances, rows = three_nn(skip_xyz, xyz)
        weights = 1 / (distances + 1e-8)
        weights = weights / weights.sum(dim=2, keepdim=True)
        return self.skip(skip) + three_interpolate(self.up(features).contiguous(), rows, weights)


class WholeScan(nn.Module):
    """Tells each of the fewest points what all of a scan have on average; ``[B, C, N]`` to ``[B, C, N]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.ReLU())
        self.both = ConvModule(2 * channels, channels, **CONV_1D)

    def forward(self, features: Tensor) -> Tensor:
        mean = self.mean(features.mean(dim=2, keepdim=True))
        return self.both(torch.cat([features, mean.expand_as(features)], 1))
