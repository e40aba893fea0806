"""Features for points between others: the weighted mean over the three nearest.

Source: PointNet++, section 3.4, https://arxiv.org/abs/1706.02413
"""
import numpy as np
from torch import Tensor

from .knn import nearest_by_sort
from .squared_distance import as_xyz, takes_compiled_loop
from .three_nearest import three_nearest


def three_nn_forward(target: Tensor, source: Tensor, dist2: Tensor, idx: Tensor, b: int, n: int, m: int) -> None:
    """Kernel behind ``mmcv.ops.three_nn``, which takes the square root of the distances.

    Args:
        target: ``[B, N, 3]``.
        source: ``[B, M, 3]``. With fewer than three points, row 0 at an infinite distance stands in.
        dist2: ``[B, N, 3]``, filled with the squared distances to the nearest points of ``source``.
        idx: ``[B, N, 3]`` int32, filled with their rows, nearest first, of equally near ones the lowest.
    """
    target, source = as_xyz(target), as_xyz(source)
    if takes_compiled_loop(source):
        squares = np.empty(dist2.shape, target.numpy().dtype)
        for scan in zip(target.numpy(), source.numpy(), squares, idx.numpy()):
            three_nearest(*scan)
        dist2.copy_(dist2.new_tensor(squares))
    else:
        rows, nearest = nearest_by_sort(source, target, 3)
        dist2.copy_(nearest)
        idx.copy_(rows)


def three_interpolate_forward(features: Tensor, indices: Tensor, weight: Tensor, output: Tensor, b: int, c: int, m: int,
                              n: int) -> None:
    """Kernel behind ``mmcv.ops.three_interpolate``.

    Args:
        features: ``[B, C, M]``.
        indices: ``[B, N, 3]`` integer rows of the features.
        weight: ``[B, N, 3]``.
        output: ``[B, C, N]``, filled with the weighted sums.
    """
    output.zero_()
    for rows, weights in zip(indices.long().unbind(2), weight.unbind(2)):
        output.add_(features.gather(2, rows.unsqueeze(1).expand(-1, c, -1)) * weights.unsqueeze(1))


def three_interpolate_backward(grad_out: Tensor, indices: Tensor, weight: Tensor, grad_features: Tensor, b: int, c: int,
                               n: int, m: int) -> None:
    """Adds the gradient ``[B, C, N]`` to that of the features ``[B, C, M]``; as in mmcv, the weights have none."""
    for rows, weights in zip(indices.long().unbind(2), weight.unbind(2)):
        grads = (grad_out * weights.unsqueeze(1)).to(grad_features.dtype)
        grad_features.scatter_add_(2, rows.unsqueeze(1).expand(-1, c, -1), grads)
