"""What a point takes from its neighbours in CloserLook3D: with position pooling or a pseudo grid.

Source: CloserLook3D, sections 3 and 4, https://arxiv.org/abs/2007.01294; where the paper leaves it open, as in the
authors' code, https://github.com/zeliu98/CloserLook3D
"""
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import ConfigError
from .kernel_points import kernel_points

AGGREGATIONS = ('pospool', 'pospool_sin_cos', 'pseudo_grid')
WAVELENGTH, FREQUENCY = 1000, 100  # of the sines and cosines
KERNEL_POINTS, KERNEL_RADIUS, KERNEL_REACH = 15, 0.6, 0.4  # the lengths in radii of the neighbourhood


class Neighborhood(NamedTuple):
    """Neighbours of M points, at most K each.

    Attributes:
        rows: ``[M, K]`` int64; where there is no neighbour, any.
        offsets: ``[M, K, 3]``, from the point to the neighbour, in radii.
        present: ``[M, K]`` bool, at least one of each point.
    """
    rows: Tensor
    offsets: Tensor
    present: Tensor

    @classmethod
    def of(cls, centers: Tensor, xyz: Tensor, rows: Tensor, radius: float) -> 'Neighborhood':
        """Of centres ``[M, 3]`` among points ``[N, 3]``, in rows ``[M, K]`` with -1 where there is none."""
        found = rows.clamp(min=0)
        return cls(found, (xyz[found] - centers.unsqueeze(1)) / radius, rows >= 0)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the neighbours that there are, ``[M, K, C]`` to ``[M, C]``."""
        shares = self.present / self.present.sum(dim=1, keepdim=True)
        return (values * shares.unsqueeze(2)).sum(dim=1)

    def max(self, features: Tensor) -> Tensor:
        """Largest features ``[N, C]`` per channel among the neighbours, ``[M, C]``."""
        return features[self.rows].masked_fill(~self.present.unsqueeze(2), -torch.inf).amax(dim=1)


class PositionPooling(nn.Module):
    """PosPool: the mean of the neighbours, each channel times one coordinate of the neighbour's position.

    Args:
        channels: C.
        sin_cos: PosPool*: times sines and cosines of the coordinates, each channel with a wavelength of its own.

    Raises:
        ConfigError: if 3 does not divide the channels, or 6 with ``sin_cos``.
    """

    def __init__(self, channels: int, sin_cos: bool = False) -> None:
        super().__init__()
        share = 6 if sin_cos else 3
        if channels % share:
            raise ConfigError(f'PositionPooling: {channels} channels cannot be divided by {share}')
        self.sin_cos = sin_cos

    def forward(self, features: Tensor, near: Neighborhood) -> Tensor:
        """Features ``[N, C]`` to those of M points ``[M, C]``."""
        values = features[near.rows]
        if self.sin_cos:
            return near.mean(values * waves(near.offsets, features.shape[1]))
        return near.mean((values.unflatten(2, (-1, 3)) * near.offsets.unsqueeze(2)).flatten(2))


def waves(offsets: Tensor, channels: int) -> Tensor:
    """``[M, K, C]``: for each coordinate of ``[M, K, 3]`` C / 6 sines and as many cosines, from short to long waves."""
    step = torch.arange(channels // 6, device=offsets.device, dtype=offsets.dtype) / (channels // 6)
    angles = FREQUENCY * offsets.unsqueeze(3) / WAVELENGTH**step
    return torch.cat([angles.sin(), angles.cos()], dim=3).flatten(2)


class PseudoGrid(nn.Module):
    """The neighbours, spread over the points of a kernel by distance, times a weight of each point and channel.

    Args:
        channels: C.
    """

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer('kernel', KERNEL_RADIUS * torch.from_numpy(kernel_points(KERNEL_POINTS)).float())
        self.weight = nn.Parameter(torch.empty(KERNEL_POINTS, channels))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, features: Tensor, near: Neighborhood) -> Tensor:
        """Features ``[N, C]`` to those of M points ``[M, C]``."""
        distances = (near.offsets.unsqueeze(2) - self.kernel).norm(dim=3)  # [M, K, P]
        influence = (1 - distances / KERNEL_REACH).clamp(min=0) * near.present.unsqueeze(2)
        spread = influence.transpose(1, 2) @ features[near.rows]  # [M, P, C]
        return (spread * self.weight).sum(dim=1)


def build_aggregation(kind: str, channels: int) -> nn.Module:
    """One of :data:`AGGREGATIONS` for C channels."""
    if kind not in AGGREGATIONS:
        raise ConfigError(f'aggregation={kind!r} is not one of {AGGREGATIONS}')
    return PseudoGrid(channels) if kind == 'pseudo_grid' else PositionPooling(channels, kind == 'pospool_sin_cos')
