"""Which voxels meet in a sparse convolution: for every kernel offset a list of (input row, output row) pairs."""
import itertools
import math
from dataclasses import dataclass, field, replace
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from .key_pairs import pairs_at_distances
from .pair_tiles import PairTiles, pair_tiles


@dataclass(frozen=True)
class SparseConvTable:
    """Which input row meets which output row under which kernel offset.

    Kernel offsets are numbered row-major over the kernel, as in ``weight.flatten(0, 2)``.

    Args:
        in_rows: ``[P]`` int64, input row of each pair, grouped by kernel offset.
        out_rows: ``[P]`` int64, output row of each pair. Within one offset no row occurs twice.
        segments: ``(offset, start, stop)`` slices of the pairs, one for each offset that has any.
        num_in: number of input voxels.
        num_out: number of output voxels.
        kernel_volume: number of kernel offsets K.
        identity: the offset that maps every row to itself; it has no pairs. None: there is none.
        symmetric: whether the pairs of offset K - 1 - k are those of k with the roles swapped.
        inverted: whether this is the inverse of the table that was built.
        made_tiles: tiles by whether they are those of the inverse; shared with the inverse, made when needed.
    """
    in_rows: Tensor
    out_rows: Tensor
    segments: Tuple[Tuple[int, int, int], ...]
    num_in: int
    num_out: int
    kernel_volume: int
    identity: Optional[int] = None
    symmetric: bool = False
    inverted: bool = False
    made_tiles: Dict[bool, PairTiles] = field(default_factory=dict, repr=False, compare=False)

    def inverse(self) -> 'SparseConvTable':
        """The table that leads from the output voxels back to the input voxels."""
        return replace(self, in_rows=self.out_rows, out_rows=self.in_rows,
                       num_in=self.num_out, num_out=self.num_in, inverted=not self.inverted)

    def tiles(self) -> PairTiles:
        """The pairs as a CPU takes them; made once for all layers that share this table."""
        if self.inverted not in self.made_tiles:
            if self.symmetric and (not self.inverted) in self.made_tiles:
                self.made_tiles[self.inverted] = self.made_tiles[not self.inverted].mirrored(self.kernel_volume)
            else:
                self.made_tiles[self.inverted] = self._new_tiles()
        return self.made_tiles[self.inverted]

    def _new_tiles(self) -> PairTiles:
        ins, outs = ([rows[:0]] * self.kernel_volume for rows in (self.in_rows, self.out_rows))
        for offset, start, stop in self.segments:
            ins[offset], outs[offset] = self.in_rows[start:stop], self.out_rows[start:stop]
        if self.identity is not None:
            ins[self.identity] = outs[self.identity] = torch.arange(self.num_in)
        return pair_tiles(ins, outs, self.num_out)


def table_from_pairs(in_rows: Sequence[Tensor], out_rows: Sequence[Tensor], num_in: int, num_out: int,
                     identity: Optional[int] = None, symmetric: bool = False) -> SparseConvTable:
    """Build a table from K lists of rows, one per kernel offset (that of ``identity`` empty)."""
    ends = [*itertools.accumulate(map(len, out_rows), initial=0)]
    segments = tuple((offset, a, b) for offset, (a, b) in enumerate(zip(ends, ends[1:])) if b > a)
    return SparseConvTable(torch.cat(list(in_rows)).long(), torch.cat(list(out_rows)).long(), segments, num_in, num_out,
                           len(in_rows), identity, symmetric)


def conv_output_shape(shape: Sequence[int], kernel_size: Sequence[int], stride: Sequence[int],
                      padding: Sequence[int], dilation: Sequence[int]) -> List[int]:
    """Spatial shape after a strided convolution, as in :class:`torch.nn.Conv3d`.

    Examples:
        >>> conv_output_shape([9, 9, 9], [3, 3, 3], stride=[2, 2, 2], padding=[1, 1, 1], dilation=[1, 1, 1])
        [5, 5, 5]
    """
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(shape, kernel_size, stride, padding, dilation)]


def submanifold_table(indices: Tensor, spatial_shape: Sequence[int], kernel_size: Sequence[int],
                      dilation: Sequence[int]) -> SparseConvTable:
    """Pairs of a convolution whose output voxels are its input voxels.

    Args:
        indices: ``[N, 1 + D]`` integer rows (batch, z, y, x), each voxel once, in any order.
        spatial_shape: D extents of the grid.
        kernel_size: D sizes; for an even one the centre is ``size // 2``, as in spconv.
        dilation: D dilations.
    """
    num = len(indices)
    centre = [k // 2 for k in kernel_size]
    margin = [c * d for c, d in zip(centre, dilation)]
    padded = [n + 2 * m for n, m in zip(spatial_shape, margin)]
    offsets = list(itertools.product(*(range(k) for k in kernel_size)))
    identity = offsets.index(tuple(centre))
    empty = indices.new_empty(0, dtype=torch.int64)
    ins, outs = [empty] * len(offsets), [empty] * len(offsets)
    # A margin around the grid keeps a neighbour beyond the border from being another row's voxel.
    keys, order = torch.sort(_voxel_keys(indices, spatial_shape, padded, margin))
    if num > 1 and bool((keys[1:] == keys[:-1]).any()):
        raise ValueError('sparse convolution: the same voxel occurs twice in `indices`')

    symmetric = all(k % 2 == 1 for k in kernel_size)
    # In a symmetric kernel the pairs of offset K - 1 - k are those of k with the roles swapped.
    searched = [k for k in range(identity if symmetric else len(offsets)) if num and k != identity]
    shifts = [_flat([(o - c) * d for o, c, d in zip(offsets[k], centre, dilation)], padded) for k in searched]
    for k, (in_rank, out_rank) in zip(searched, pairs_at_distances(keys, shifts)):
        ins[k], outs[k] = order[in_rank], order[out_rank]
        if symmetric:
            ins[-1 - k], outs[-1 - k] = outs[k], ins[k]
    return table_from_pairs(ins, outs, num, num, identity, symmetric)


def strided_table(indices: Tensor, spatial_shape: Sequence[int], out_shape: Sequence[int],
                  kernel_size: Sequence[int], stride: Sequence[int], padding: Sequence[int],
                  dilation: Sequence[int], transposed: bool = False
                  ) -> Tuple[Tensor, SparseConvTable]:
    """Pairs of a convolution that makes its own output voxels: all that any input reaches.

    Args:
        indices: ``[N, 1 + D]`` integer rows (batch, z, y, x), each voxel once, in any order.
        spatial_shape: D extents of the input grid.
        out_shape: D extents of the output grid.
        kernel_size: D sizes; ``stride``, ``padding`` and ``dilation`` likewise.
        transposed: place outputs as :class:`torch.nn.ConvTranspose3d` does.

    Returns: output indices ``[M, 1 + D]`` sorted by (batch, z, y, x), and the table.
    """
    _voxel_keys(indices, spatial_shape, spatial_shape)  # checks the range
    batch = indices[:, 0].long()
    reached = []  # per axis and step of the kernel: (output coordinate [N], does it exist [N])
    for axis in range(len(kernel_size)):
        coordinate = indices[:, 1 + axis].long()
        steps = []
        for step in range(kernel_size[axis]):
            if transposed:
                out = coordinate * stride[axis] - padding[axis] + step * dilation[axis]
                exact = torch.ones_like(out, dtype=torch.bool)
            else:
                scaled = coordinate + padding[axis] - step * dilation[axis]
                out = scaled.div(stride[axis], rounding_mode='floor')
                exact = out * stride[axis] == scaled
            steps.append((out, exact & (out >= 0) & (out < out_shape[axis])))
        reached.append(steps)

    keys, ins = [], []
    everywhere = torch.ones_like(batch, dtype=torch.bool)
    _check_key_range(indices, out_shape)
    for offset in itertools.product(*(range(k) for k in kernel_size)):
        key, exists = batch, everywhere
        for axis, step in enumerate(offset):
            out, inside = reached[axis][step]
            key = key * out_shape[axis] + out
            exists = exists & inside
        rows = exists.nonzero().squeeze(1)
        ins.append(rows)
        keys.append(key[rows])
    unique_keys, out_rows = torch.unique(torch.cat(keys), return_inverse=True)
    table = table_from_pairs(ins, out_rows.split([len(rows) for rows in ins]), len(indices),
                             len(unique_keys))
    columns = []
    for extent in reversed(list(out_shape)):
        columns.append(unique_keys % extent)
        unique_keys = unique_keys.div(extent, rounding_mode='floor')
    columns.append(unique_keys)
    return torch.stack(columns[::-1], 1).to(indices.dtype), table


def _flat(coordinates: Sequence[int], shape: Sequence[int]) -> int:
    key = 0
    for coordinate, extent in zip(coordinates, shape):
        key = key * extent + coordinate
    return key


def _check_key_range(indices: Tensor, shape: Sequence[int]) -> None:
    batch_size = int(indices[:, 0].max()) + 1 if len(indices) else 1
    if batch_size * math.prod(shape) >= 2**62:
        raise ValueError(f'sparse convolution: a batch of {batch_size} grids of {tuple(shape)} has '
                         'more cells than an int64 can number')


def _voxel_keys(indices: Tensor, spatial_shape: Sequence[int], padded: Sequence[int],
                margin: Optional[Sequence[int]] = None) -> Tensor:
    """One int64 per voxel, ordered like (batch, z, y, x) ``[N]``; checks that it is in the grid."""
    _check_key_range(indices, padded)
    if len(indices):
        low = indices.amin(0).tolist()
        high = indices.amax(0).tolist()
        if min(low) < 0 or any(h >= n for h, n in zip(high[1:], spatial_shape)):
            raise ValueError(f'sparse convolution: voxel coordinates from {low} to {high} (batch '
                             f'first) leave the grid of {tuple(spatial_shape)}')
    key = indices[:, 0].long()
    for axis, extent in enumerate(padded):
        key = key * extent + indices[:, 1 + axis] + (margin[axis] if margin else 0)
    return key
