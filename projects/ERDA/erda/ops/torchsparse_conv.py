"""torchsparse's convolution, normalization and activation layers over the portable sparse convolution.

Parameters have the names, shapes and order of kernel offsets of torchsparse 1.4.0, so its checkpoints load:
https://github.com/mit-han-lab/torchsparse/tree/v1.4.0
"""
import math
from typing import NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from .sparse_conv import pointwise_convolution, sparse_convolution
from .sparse_tables import SparseConvTable, submanifold_table, table_from_pairs
from .torchsparse_points import sphash, sphashquery
from .torchsparse_tensors import Sizes, SparseTensor, fapply, make_ntuple, with_features


class KernelMap(NamedTuple):
    """Pairs of a convolution, and the coordinates ``[M, 4]`` of its output."""
    table: SparseConvTable
    out_coords: Tensor


def get_kernel_offsets(size: Sizes, stride: Sizes = 1, dilation: Sizes = 1,
                       device: Union[str, torch.device] = 'cpu') -> Tensor:
    """Steps (x, y, z) of a kernel ``[K, 3]`` int32, in the order of its weights.

    An odd size n steps from -(n // 2) to n // 2, an even one from 1 - n // 2 to n // 2. If all sizes are odd, x changes
    fastest, otherwise z: MinkowskiEngine's order, kept by torchsparse.
    """
    size, stride, dilation = (make_ntuple(value, ndim=3) for value in (size, stride, dilation))
    x, y, z = (torch.arange(-((n - 1) // 2), n // 2 + 1, dtype=torch.int32, device=device) * s * d
               for n, s, d in zip(size, stride, dilation))
    if math.prod(size) % 2:
        return torch.cartesian_prod(z, y, x).flip(1)
    return torch.cartesian_prod(x, y, z)


def spdownsample(coords: Tensor, stride: Sizes = 2, kernel_size: Sizes = 2, tensor_stride: Sizes = 1) -> Tensor:
    """Output voxels of a strided convolution, sorted by (batch, x, y, z).

    Args:
        coords: ``[N, 4]`` rows (x, y, z, batch) in units of the finest grid.
        stride: stride of the convolution.
        kernel_size: where it equals the stride, every voxel falls into one output voxel. Otherwise the outputs are
            the voxels of the coarser grid within a kernel of an input and not below all inputs.
        tensor_stride: stride of the input.

    Returns: ``[M, 4]`` in the same units: multiples of ``stride * tensor_stride``.
    """
    stride, kernel_size, tensor_stride = (make_ntuple(value, ndim=3) for value in (stride, kernel_size, tensor_stride))
    step = coords.new_tensor([a * b for a, b in zip(stride, tensor_stride)])
    xyz, batch = coords[:, :3], coords[:, 3:]
    if all(s in (1, k) for s, k in zip(stride, kernel_size)):
        coarse = torch.cat([xyz.div(step, rounding_mode='floor') * step, batch], 1)
    else:
        offsets = get_kernel_offsets(kernel_size, tensor_stride, device=coords.device)
        reached = torch.cat([xyz + offsets[:, None], batch.expand(len(offsets), -1, -1)], 2).flatten(0, 1)
        on_grid = (reached[:, :3] % step == 0).all(1)
        if len(coords):
            on_grid &= (reached[:, :3] >= xyz.amin(0)).all(1)
        coarse = reached[on_grid]
    keys, order = sphash(coarse).sort()
    first = torch.ones_like(keys, dtype=torch.bool)
    first[1:] = keys[1:] != keys[:-1]
    return coarse[order[first]]


def conv3d(input: SparseTensor, weight: Tensor, kernel_size: Sizes, bias: Optional[Tensor] = None, stride: Sizes = 1,
           dilation: Sizes = 1, transposed: bool = False) -> SparseTensor:
    """Sparse convolution; with stride 1 the output voxels are the input's, in their order.

    Args:
        weight: ``[K, C_in, C_out]`` in the order of :func:`get_kernel_offsets`, or ``[C_in, C_out]`` for one offset.
        bias: ``[C_out]``.
        transposed: go back to the voxels that a convolution of the same geometry came from, over its pairs.
    """
    kernel_size, stride, dilation = (make_ntuple(value, ndim=3) for value in (kernel_size, stride, dilation))
    input.cmaps.setdefault(input.stride, input.coords)
    if transposed:
        out_stride = tuple(a // b for a, b in zip(input.stride, stride))
        kernel_map = input.kmaps.get((out_stride, kernel_size, stride, dilation))
        if kernel_map is None:
            raise ValueError(f'a transposed convolution from stride {input.stride} to {out_stride} reuses the pairs of '
                             f'the convolution of kernel size {kernel_size} and dilation {dilation} that it undoes, '
                             'and none ran before it')
        table, out_coords = kernel_map.table.inverse(), input.cmaps[out_stride]
    else:
        out_stride = tuple(a * b for a, b in zip(input.stride, stride))
        table, out_coords = None, input.coords
        if math.prod(kernel_size) > 1 or math.prod(stride) > 1:
            table, out_coords = _kernel_map(input, kernel_size, stride, dilation)
    if table is None:
        feats = pointwise_convolution(input.feats, weight)
    else:
        feats = sparse_convolution(input.feats, weight.reshape(-1, *weight.shape[-2:]), table)
    if bias is not None:
        feats = feats + bias.to(feats.dtype)
    output = SparseTensor(feats, out_coords, out_stride)
    output.cmaps, output.kmaps = input.cmaps, input.kmaps
    output.cmaps.setdefault(out_stride, out_coords)
    return output


def _kernel_map(input: SparseTensor, kernel_size: Tuple[int, ...], stride: Tuple[int, ...],
                dilation: Tuple[int, ...]) -> KernelMap:
    key = (input.stride, kernel_size, stride, dilation)
    if key not in input.kmaps:
        coords = out_coords = input.coords
        if max(stride) > 1:
            out_coords = spdownsample(coords, stride, kernel_size, input.stride)
        if out_coords is coords and math.prod(kernel_size) % 2:
            spacing = [s * d for s, d in zip(input.stride, dilation)]
            table = _submanifold_table(coords, kernel_size, spacing)
        else:
            offsets = get_kernel_offsets(kernel_size, input.stride, dilation, coords.device)
            found = sphashquery(sphash(out_coords, offsets), sphash(coords))
            out_rows = [rows.nonzero().squeeze(1) for rows in found >= 0]
            in_rows = [row[rows] for row, rows in zip(found, out_rows)]
            table = table_from_pairs(in_rows, out_rows, len(coords), len(out_coords))
        input.kmaps[key] = KernelMap(table, out_coords)
    return input.kmaps[key]


def _submanifold_table(coords: Tensor, kernel_size: Tuple[int, ...], spacing: list) -> SparseConvTable:
    # The core numbers the offsets of columns (batch, z, y, x) as torchsparse those of an odd kernel.
    indices = coords.long().flip(1)
    shape = [1, 1, 1]
    if len(indices):
        indices[:, 1:] -= indices[:, 1:].amin(0)
        shape = (indices[:, 1:].amax(0) + 1).tolist()
    return submanifold_table(indices, shape, kernel_size[::-1], spacing[::-1])


class Conv3d(nn.Module):
    """Sparse convolution layer, see :func:`conv3d`.

    The parameter ``kernel`` is ``[K, C_in, C_out]``, or ``[C_in, C_out]`` for a kernel of size 1; ``bias`` ``[C_out]``.
    """

    bias: Optional[nn.Parameter]

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes = 3, stride: Sizes = 1,
                 dilation: Sizes = 1, bias: bool = False, transposed: bool = False) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = make_ntuple(kernel_size, ndim=3)
        self.stride = make_ntuple(stride, ndim=3)
        self.dilation = dilation
        self.transposed = transposed
        self.kernel_volume = math.prod(self.kernel_size)
        volume = (self.kernel_volume, ) if self.kernel_volume > 1 else ()
        self.kernel = nn.Parameter(torch.empty(*volume, in_channels, out_channels))
        self.register_parameter('bias', nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        fan = (self.out_channels if self.transposed else self.in_channels) * self.kernel_volume
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(fan), 1 / math.sqrt(fan))

    def extra_repr(self) -> str:
        return (f'{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, '
                f'dilation={self.dilation}, bias={self.bias is not None}, transposed={self.transposed}')

    def forward(self, input: SparseTensor) -> SparseTensor:
        return conv3d(input, self.kernel, self.kernel_size, self.bias, self.stride, self.dilation, self.transposed)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalization over all voxels of a batch."""

    def forward(self, input: SparseTensor) -> SparseTensor:  # type: ignore[override]  # as in torchsparse
        return fapply(input, super().forward)


class GroupNorm(nn.GroupNorm):
    """Group normalization over the voxels of each scan."""

    def forward(self, input: SparseTensor) -> SparseTensor:  # type: ignore[override]  # as in torchsparse
        batch = input.coords[:, 3]
        feats = torch.zeros_like(input.feats)
        for scan in batch.unique():
            rows = (batch == scan).nonzero().squeeze(1)
            normed = super().forward(input.feats[rows].t()[None])[0].t()
            feats = feats.to(normed.dtype).index_copy(0, rows, normed)
        return with_features(input, feats)


class ReLU(nn.ReLU):
    """ReLU of the features of all voxels."""

    def forward(self, input: SparseTensor) -> SparseTensor:  # type: ignore[override]  # as in torchsparse
        return fapply(input, super().forward)


class LeakyReLU(nn.LeakyReLU):
    """Leaky ReLU of the features of all voxels."""

    def forward(self, input: SparseTensor) -> SparseTensor:  # type: ignore[override]  # as in torchsparse
        return fapply(input, super().forward)
