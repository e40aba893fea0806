"""The sparse convolution kernels of ``mmcv._ext``, over the portable core.

Signatures and tensor layouts are those that ``mmcv/ops/sparse_ops.py`` (mmcv 2.1.0) expects:
weights ``[D, H, W, C_in, C_out]``, pairs ``[K, 2, N]`` int32 of which the first
``indice_pair_num[k]`` of (input row, output row) are valid and the rest is -1.
"""
from typing import List, Sequence, Tuple

import torch
from torch import Tensor

from .sparse_conv import convolve_pairs, convolve_pairs_backward
from .sparse_pool import max_over_pairs, max_over_pairs_backward
from .sparse_tables import SparseConvTable, strided_table, submanifold_table, table_from_pairs


def get_indice_pairs_forward(indices: Tensor, batch_size: int, out_shape: Sequence[int],
                             spatial_shape: Sequence[int], kernel_size: Sequence[int],
                             stride: Sequence[int], padding: Sequence[int],
                             dilation: Sequence[int], out_padding: Sequence[int], subm: int,
                             transpose: int) -> Tuple[Tensor, Tensor, Tensor]:
    """Output indices ``[M, 1 + D]``, pairs ``[K, 2, N]`` and the number of pairs ``[K]``."""
    if subm:
        out_indices = indices
        table = submanifold_table(indices, spatial_shape, kernel_size, dilation)
    else:
        out_indices, table = strided_table(indices, spatial_shape, out_shape, kernel_size, stride,
                                           padding, dilation, bool(transpose))
    pairs = indices.new_full((table.kernel_volume, 2, len(indices)), -1, dtype=torch.int32)
    counts = [0] * table.kernel_volume
    for offset, start, stop in table.segments:
        filled = slice(counts[offset], counts[offset] + stop - start)
        pairs[offset, 0, filled] = table.in_rows[start:stop].int()
        pairs[offset, 1, filled] = table.out_rows[start:stop].int()
        counts[offset] = filled.stop
    if table.identity is not None:
        pairs[table.identity] = torch.arange(len(indices), device=pairs.device)
        counts[table.identity] = len(indices)
    return out_indices, pairs, torch.tensor(counts, dtype=torch.int32, device=indices.device)


def indice_conv_forward(features: Tensor, filters: Tensor, indice_pairs: Tensor,
                        indice_pair_num: Tensor, num_activate_out: int, inverse: int,
                        subm: int) -> Tensor:
    """Convolved features ``[num_activate_out, C_out]``."""
    table = _table(indice_pairs, indice_pair_num, len(features), num_activate_out, inverse, subm)
    return convolve_pairs(features.to(filters.dtype), filters.flatten(0, -3), table)


def fused_indice_conv_forward(features: Tensor, filters: Tensor, bias: Tensor,
                              indice_pairs: Tensor, indice_pair_num: Tensor,
                              num_activate_out: int, inverse: int, subm: int) -> Tensor:
    """Convolved features with the bias added ``[num_activate_out, C_out]``."""
    return bias + indice_conv_forward(features, filters, indice_pairs, indice_pair_num,
                                      num_activate_out, inverse, subm)


def indice_conv_backward(features: Tensor, filters: Tensor, out_bp: Tensor, indice_pairs: Tensor,
                         indice_pair_num: Tensor, inverse: int, subm: int) -> List[Tensor]:
    """Gradients to the features and to the filters."""
    table = _table(indice_pairs, indice_pair_num, len(features), len(out_bp), inverse, subm)
    grad_features, grad_weight = convolve_pairs_backward(
        features.to(filters.dtype), filters.flatten(0, -3), out_bp.to(filters.dtype), table)
    assert grad_features is not None and grad_weight is not None  # both are asked for
    return [grad_features.to(features.dtype), grad_weight.view_as(filters)]


def indice_maxpool_forward(features: Tensor, indice_pairs: Tensor, indice_pair_num: Tensor,
                           num_activate_out: int) -> Tensor:
    """Pooled features ``[num_activate_out, C]``."""
    table = _table(indice_pairs, indice_pair_num, len(features), num_activate_out)
    return max_over_pairs(features, table)


def indice_maxpool_backward(features: Tensor, out_features: Tensor, out_bp: Tensor,
                            indice_pairs: Tensor, indice_pair_num: Tensor) -> Tensor:
    """Gradient to the features ``[N, C]``."""
    table = _table(indice_pairs, indice_pair_num, len(features), len(out_features))
    return max_over_pairs_backward(features, out_features, out_bp, table)


def _table(indice_pairs: Tensor, indice_pair_num: Tensor, num_in: int, num_out: int,
           inverse: int = 0, subm: int = 0) -> SparseConvTable:
    counts = indice_pair_num.tolist()
    identity = None
    if subm and len(counts) % 2:
        # All sizes odd: the middle offset pairs every voxel with itself.
        identity = len(counts) // 2
        counts[identity] = 0
    in_rows, out_rows = ([pairs[side, :count] for pairs, count in zip(indice_pairs, counts)]
                         for side in (int(bool(inverse)), int(not inverse)))
    return table_from_pairs(in_rows, out_rows, num_in, num_out, identity)
