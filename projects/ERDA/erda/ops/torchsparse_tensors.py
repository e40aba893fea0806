"""torchsparse's carriers of features and coordinates, in plain PyTorch.

Source of the interface: torchsparse 1.4.0, https://github.com/mit-han-lab/torchsparse/tree/v1.4.0
"""
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor

Sizes = Union[int, Sequence[int]]


def make_ntuple(value: Union[Sizes, Tensor], ndim: int) -> Tuple[int, ...]:
    """One number repeated ``ndim`` times, or ``ndim`` numbers as a tuple."""
    if isinstance(value, Tensor):
        value = value.flatten().tolist()
    numbers = (value, ) * ndim if isinstance(value, int) else tuple(value)
    if len(numbers) != ndim:
        raise ValueError(f'{ndim} numbers expected, {numbers} given')
    return numbers


class SparseTensor:
    """Features of voxels.

    Args:
        feats: ``[N, C]``.
        coords: ``[N, 4]`` int32 rows (x, y, z, batch) in units of the finest grid, whatever the stride.
        stride: edge of a voxel in those units.

    Attributes:
        cmaps: coordinates by stride, shared by all tensors computed from one another.
        kmaps: kernel maps by (stride of the input, kernel size, stride, dilation), shared likewise.
    """

    def __init__(self, feats: Tensor, coords: Tensor, stride: Sizes = 1) -> None:
        self.feats = feats
        self.coords = coords
        self.stride = make_ntuple(stride, ndim=3)
        self.cmaps: Dict[Tuple[int, ...], Tensor] = {}
        self.kmaps: Dict[Tuple[Any, ...], Any] = {}

    @property
    def F(self) -> Tensor:
        return self.feats

    @F.setter
    def F(self, feats: Tensor) -> None:
        self.feats = feats

    @property
    def C(self) -> Tensor:
        return self.coords

    @C.setter
    def C(self, coords: Tensor) -> None:
        self.coords = coords

    @property
    def s(self) -> Tuple[int, ...]:
        return self.stride

    @s.setter
    def s(self, stride: Sizes) -> None:
        self.stride = make_ntuple(stride, ndim=3)

    def __add__(self, other: 'SparseTensor') -> 'SparseTensor':
        return with_features(self, self.feats + other.feats)


class PointTensor:
    """Features of points, and what was looked up for them at each stride.

    Args:
        feats: ``[N, C]``.
        coords: ``[N, 4]`` float rows (x, y, z, batch) in units of the finest grid.
        idx_query: by stride, ``[N, 8]`` rows of the voxels around each point, -1 for none.
        weights: by stride, ``[N, 8]`` trilinear weights of those voxels.
    """

    def __init__(self, feats: Tensor, coords: Tensor, idx_query: Optional[dict] = None,
                 weights: Optional[dict] = None) -> None:
        self.F = feats
        self.C = coords
        self.idx_query = {} if idx_query is None else idx_query
        self.weights = {} if weights is None else weights
        self.additional_features: Dict[str, dict] = dict(idx_query={}, counts={})


def with_features(voxels: SparseTensor, feats: Tensor) -> SparseTensor:
    """The same voxels with other features, sharing the maps."""
    output = SparseTensor(feats, voxels.coords, voxels.stride)
    output.cmaps, output.kmaps = voxels.cmaps, voxels.kmaps
    return output


def fapply(input: SparseTensor, fn: Callable[..., Tensor], *args: Any, **kwargs: Any) -> SparseTensor:
    """Apply a function of features ``[N, C]``."""
    return with_features(input, fn(input.feats, *args, **kwargs))


def cat(inputs: Sequence[SparseTensor]) -> SparseTensor:
    """Concatenate the channels of tensors with the same voxels in the same order."""
    return with_features(inputs[0], torch.cat([voxels.feats for voxels in inputs], dim=1))
