"""Features of chosen points: one point per result (gather) or several (group)."""
from torch import Tensor


def gather_points_forward(features: Tensor, indices: Tensor, output: Tensor, b: int, c: int, n: int,
                          npoints: int) -> None:
    """Kernel behind ``mmcv.ops.gather_points``: features ``[B, C, N]`` of rows ``[B, M]`` into ``[B, C, M]``."""
    output.copy_(features.gather(2, _per_channel(indices, c)))


def gather_points_backward(grad_out: Tensor, indices: Tensor, grad_features: Tensor, b: int, c: int, n: int,
                           npoints: int) -> None:
    """Adds the gradient ``[B, C, M]`` to that of the features ``[B, C, N]``."""
    grad_features.scatter_add_(2, _per_channel(indices, c), grad_out)


def group_points_forward(features: Tensor, indices: Tensor, output: Tensor, b: int, c: int, n: int, npoints: int,
                         nsample: int) -> None:
    """Kernel behind ``mmcv.ops.grouping_operation``: ``[B, C, N]`` of rows ``[B, M, S]`` into ``[B, C, M, S]``."""
    output.copy_(features.gather(2, _per_channel(indices, c)).view_as(output))


def group_points_backward(grad_out: Tensor, indices: Tensor, grad_features: Tensor, b: int, c: int, n: int,
                          npoints: int, nsample: int) -> None:
    """Adds the gradient ``[B, C, M, S]`` to that of the features ``[B, C, N]``."""
    grad_features.scatter_add_(2, _per_channel(indices, c), grad_out.flatten(2))


def _per_channel(indices: Tensor, channels: int) -> Tensor:
    return indices.flatten(1).long().unsqueeze(1).expand(-1, channels, -1)
