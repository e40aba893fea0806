"""Sparse convolution without compiled code: a table of voxel pairs, then gather, matrix product, sum.

LiDAR voxels have 6 to 9 of their 27 neighbours, so multiplying only the pairs that exist costs a third of im2col's
products.
Source: gather-GEMM-scatter of SECOND, https://www.mdpi.com/1424-8220/18/10/3337
"""
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import Tensor

from .pair_tiles import outer_product_of_rows, products_of_rows, sum_of_outer_products, sum_of_products
from .sparse_tables import SparseConvTable


def sparse_convolution(features: Tensor, weight: Tensor, table: SparseConvTable) -> Tensor:
    """Convolve voxel features over the pairs of a table; differentiable in both tensors.

    Args:
        features: ``[N_in, C_in]`` of any floating type and device.
        weight: ``[K, C_in, C_out]``, offsets in the order of the table.
        table: from :func:`submanifold_table`, :func:`strided_table` or ``.inverse()`` of one.

    Returns: ``[N_out, C_out]`` in the type of the arguments, or of autocast where it is on.
    Half precision is summed over the kernel in float32; on a CPU each product is rounded before. The same threads
    give the same bits.
    """
    if features.shape[0] != table.num_in or weight.shape[0] != table.kernel_volume:
        raise ValueError(
            f'sparse convolution: {features.shape[0]} voxels and {weight.shape[0]} kernel offsets '
            f'do not fit a table of {table.num_in} voxels and {table.kernel_volume} offsets')
    dtype = _dtype_of_result(features, weight)
    return _SparseConvolution.apply(features.to(dtype), weight.to(dtype), table)


def pointwise_convolution(features: Tensor, weight: Tensor) -> Tensor:
    """``features @ weight``, a convolution with a single offset; differentiable in both tensors.

    Args:
        features: ``[N, C_in]`` of any floating type and device.
        weight: ``[C_in, C_out]``.

    Returns: ``[N, C_out]`` in the type of the arguments, or of autocast where it is on.
    """
    dtype = _dtype_of_result(features, weight)
    if features.device.type == 'cpu' and dtype in (torch.bfloat16, torch.float16):
        return _PointwiseConvolution.apply(features.to(dtype), weight.to(dtype))
    return features @ weight


def _dtype_of_result(features: Tensor, weight: Tensor) -> torch.dtype:
    device_type = features.device.type
    if torch.__version__ < '2.4':  # names them by device
        enabled, autocast_dtype = ((torch.is_autocast_cpu_enabled, torch.get_autocast_cpu_dtype) if device_type == 'cpu'
                                   else (torch.is_autocast_enabled, torch.get_autocast_gpu_dtype))
        if enabled():
            return autocast_dtype()
    elif torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return torch.promote_types(features.dtype, weight.dtype)


class _PointwiseConvolution(torch.autograd.Function):
    """In products of few shapes, see :mod:`erda.ops.pair_tiles`."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return products_of_rows(features, weight)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> Tuple[Optional[Tensor], Optional[Tensor]]:
        features, weight = ctx.saved_tensors
        return (products_of_rows(grad_out, weight.t()) if ctx.needs_input_grad[0] else None,
                outer_product_of_rows(features, grad_out).to(weight.dtype) if ctx.needs_input_grad[1] else None)


class _SparseConvolution(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: SparseConvTable) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.table = table
        return convolve_pairs(features, weight, table)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> Tuple[Optional[Tensor], Optional[Tensor], None]:
        features, weight = ctx.saved_tensors
        grads = convolve_pairs_backward(features, weight, grad_out, ctx.table,
                                        ctx.needs_input_grad[:2])
        return (*grads, None)


def convolve_pairs(features: Tensor, weight: Tensor, table: SparseConvTable) -> Tensor:
    """Forward of :func:`sparse_convolution` without autograd and casts."""
    with torch.autocast(features.device.type, enabled=False):
        features = features.contiguous()
        if features.device.type == 'cpu':
            return sum_of_products(features, weight, table.tiles())
        accumulate = _accumulation_dtype(features.dtype)
        if table.identity is None:
            out = features.new_zeros(table.num_out, weight.shape[2], dtype=accumulate)
        else:
            out = (features @ weight[table.identity]).to(accumulate)
        for offset, start, stop in table.segments:
            gathered = features.index_select(0, table.in_rows[start:stop])
            out.index_add_(0, table.out_rows[start:stop],
                           (gathered @ weight[offset]).to(accumulate))
        return out.to(features.dtype)


def convolve_pairs_backward(features: Tensor, weight: Tensor, grad_out: Tensor,
                            table: SparseConvTable, needs: Sequence[bool] = (True, True)
                            ) -> Tuple[Optional[Tensor], Optional[Tensor]]:
    """Gradients of :func:`convolve_pairs` to features and weight, None where not needed."""
    with torch.autocast(features.device.type, enabled=False):
        features, grad_out = features.contiguous(), grad_out.contiguous()
        transposed = weight.transpose(1, 2)
        if features.device.type == 'cpu':
            tiles = table.inverse().tiles()
            if not needs[1]:
                return sum_of_products(grad_out, transposed, tiles) if needs[0] else None, None
            sums, outer = sum_of_outer_products(grad_out, features, len(weight), tiles,
                                                transposed if needs[0] else None)
            return sums, outer.to(weight.dtype)
        accumulate = _accumulation_dtype(features.dtype)
        grad_features: Optional[Tensor] = None
        grad_weight: Optional[Tensor] = None
        if needs[0]:
            if table.identity is None:
                grad_features = features.new_zeros(features.shape, dtype=accumulate)
            else:
                grad_features = (grad_out @ transposed[table.identity]).to(accumulate)
        if needs[1]:
            grad_weight = features.new_zeros(weight.shape, dtype=accumulate)
            if table.identity is not None:
                grad_weight[table.identity] = features.t() @ grad_out
        for offset, start, stop in table.segments:
            in_rows = table.in_rows[start:stop]
            grads = grad_out.index_select(0, table.out_rows[start:stop])
            if grad_features is not None:
                grad_features.index_add_(0, in_rows, (grads @ transposed[offset]).to(accumulate))
            if grad_weight is not None:
                grad_weight[offset] += features.index_select(0, in_rows).t() @ grads
        return (None if grad_features is None else grad_features.to(features.dtype),
                None if grad_weight is None else grad_weight.to(weight.dtype))


def _accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
