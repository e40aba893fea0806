"""BatchNorm behind a linear layer is a linear layer: its statistics follow from those of the layer's input."""
from typing import Any, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..losses.chunked_loss import chunks_of


def fold_batch_norm(linear: nn.Linear, norm: nn.BatchNorm1d, rows: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    """The linear layer that equals ``norm(linear(rows))`` in training mode; running statistics move on.

    Args:
        linear: without a bias, which BatchNorm would take away.
        norm: with weight, bias and running statistics.
        rows: ``[N, C]``, at least two.

    Returns: rows, to be used in place of those given, because the gradient in mean and variance comes back through
        them; weight ``[H, C]`` and bias ``[H]``.
    """
    rows, mean, covariance = _Moments.apply(rows)
    weight = linear.weight.double()
    mean, variance = weight @ mean, ((weight @ covariance) * weight).sum(dim=1).clamp(min=0)
    _move_running_statistics(norm, mean.detach(), variance.detach() * (len(rows) / (len(rows) - 1)))
    factor = norm.weight * (variance + norm.eps).rsqrt()
    return rows, (factor[:, None] * weight).to(linear.weight), (norm.bias - factor * mean).to(linear.weight)


def _move_running_statistics(norm: Any, mean: Tensor, variance: Tensor) -> None:
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_(variance.to(norm.running_var), norm.momentum)


class _Moments(torch.autograd.Function):
    """Mean ``[C]`` and covariance ``[C, C]`` of rows in double precision, and the rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        channels = rows.shape[1]
        total = rows.new_zeros(channels, dtype=torch.float64)
        products = rows.new_zeros(channels, channels, dtype=torch.float64)
        for part in chunks_of(rows, 2 * channels):
            chunk = rows[part].double()  # The variance is a difference: in single precision it could drown.
            total += chunk.sum(dim=0)
            products.addmm_(chunk.T, chunk)
        mean = total / len(rows)
        covariance = products / len(rows) - torch.outer(mean, mean)
        ctx.save_for_backward(rows, mean)
        ctx.set_materialize_grads(False)
        return rows.view_as(rows), mean, covariance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_rows: Optional[Tensor], grad_mean: Tensor, grad_covariance: Tensor) -> Optional[Tensor]:
        if grad_mean is None:
            return grad_rows
        rows, mean = ctx.saved_tensors
        # x changes the mean by 1 / N and the covariance by ((x - mean) dx^T + dx (x - mean)^T) / N.
        slope = (grad_covariance + grad_covariance.T) / len(rows)
        offset = (grad_mean / len(rows) - mean @ slope).to(rows)
        slope = slope.to(rows)
        # In place: this gradient was made for this very rows, and nobody else has it.
        gradient = torch.zeros_like(rows) if grad_rows is None else grad_rows
        for part in chunks_of(rows, rows.shape[1]):
            gradient[part].addmm_(rows[part], slope).add_(offset)
        return gradient
