"""Max pooling over the voxels that a table of pairs connects, in plain PyTorch."""
from typing import Any, Tuple

import torch
from torch import Tensor

from .sparse_tables import SparseConvTable


def sparse_max_pool(features: Tensor, table: SparseConvTable) -> Tensor:
    """Largest value per channel among the voxels that reach an output; differentiable.

    The compiled kernels of spconv 1 and mmcv start from 0, so there a maximum below 0 becomes 0.

    Args:
        features: ``[N_in, C]``.
        table: from :func:`erda.ops.sparse_tables.strided_table`.

    Returns: ``[N_out, C]``. An input that ties for the maximum receives the whole gradient.
    """
    return _SparseMaxPool.apply(features, table)


class _SparseMaxPool(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, features: Tensor, table: SparseConvTable) -> Tensor:
        out = max_over_pairs(features, table)
        ctx.save_for_backward(features, out)
        ctx.table = table
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> Tuple[Tensor, None]:
        features, out = ctx.saved_tensors
        return max_over_pairs_backward(features, out, grad_out, ctx.table), None


def max_over_pairs(features: Tensor, table: SparseConvTable) -> Tensor:
    """Forward of :func:`sparse_max_pool` without autograd."""
    out = features.new_full((table.num_out, features.shape[1]), -torch.inf)
    if table.identity is not None:
        out.copy_(features)
    for _, start, stop in table.segments:
        rows = table.out_rows[start:stop]
        candidates = features.index_select(0, table.in_rows[start:stop])
        out[rows] = torch.maximum(out[rows], candidates)
    return out


def max_over_pairs_backward(features: Tensor, out: Tensor, grad_out: Tensor,
                            table: SparseConvTable) -> Tensor:
    """Gradient of :func:`max_over_pairs` to the features ``[N_in, C]``."""
    grad_features = torch.zeros_like(features)
    if table.identity is not None:
        grad_features += grad_out * (features == out)
    for _, start, stop in table.segments:
        in_rows, out_rows = table.in_rows[start:stop], table.out_rows[start:stop]
        chosen = features.index_select(0, in_rows) == out.index_select(0, out_rows)
        grad_features.index_add_(0, in_rows, grad_out.index_select(0, out_rows) * chosen)
    return grad_features
