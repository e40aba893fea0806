"""PAConv's dynamic kernel assembly: neighbours' features under weight matrices mixed by predicted scores.

Source: PAConv, appendix D, https://arxiv.org/abs/2103.14635
"""
from typing import Tuple

import torch
from torch import Tensor


def assign_score_withk_forward(points: Tensor, centers: Tensor, scores: Tensor, knn_idx: Tensor, output: Tensor,
                               B: int, N0: int, N1: int, M: int, K: int, O: int,  # noqa: E741, mmcv's names
                               aggregate: int) -> None:
    """Kernel behind ``mmcv.ops.assign_score_withk``: the sum over m of score * (neighbour - center).

    Args:
        points: ``[B, N0, M, O]`` features of all points under each of M weight matrices.
        centers: ``[B, N0, M, O]`` features of all points as centers.
        scores: ``[B, N1, K, M]``.
        knn_idx: ``[B, N1, K]`` rows of the neighbours, the center's first; a row outside 0..N0-1 is no neighbour.
        output: ``[B, O, N1, K]``, filled.
        aggregate: unused, as in mmcv: every value sums over m and keeps the neighbours apart.
    """
    neighbors, center, scores, _ = _rows(scores.to(points.dtype), knn_idx, N0)
    with torch.autocast(points.device.type, enabled=False):
        out = -torch.matmul(scores, centers.flatten(0, 1)[center])
        # One weight matrix at a time: no temporary is larger than the output.
        for m in range(M):
            out += points[:, :, m].flatten(0, 1)[neighbors] * scores[..., m, None]
        output.copy_(out.permute(0, 3, 1, 2))


def assign_score_withk_backward(grad_out: Tensor, points: Tensor, centers: Tensor, scores: Tensor, knn_idx: Tensor,
                                grad_points: Tensor, grad_centers: Tensor, grad_scores: Tensor, B: int, N0: int,
                                N1: int, M: int, K: int, O: int,  # noqa: E741, mmcv's names
                                aggregate: int) -> None:
    """Adds the gradient ``[B, O, N1, K]`` to those of points, centers and scores, which have their shapes."""
    neighbors, center, scores, inside = _rows(scores.to(points.dtype), knn_idx, N0)
    with torch.autocast(points.device.type, enabled=False):
        grads = grad_out.permute(0, 2, 3, 1).contiguous()
        grads_of_centers = torch.matmul(scores.transpose(2, 3), grads).flatten(0, 1)
        grad_centers.view(B * N0, M, O).index_add_(0, center.flatten(), -grads_of_centers)
        sums = -torch.matmul(grads, centers.flatten(0, 1)[center].transpose(2, 3))
        for m in range(M):
            sums[..., m] += (points[:, :, m].flatten(0, 1)[neighbors] * grads).sum(-1)
            weighted = (grads * scores[..., m, None]).view(-1, O)
            grad_points.view(B * N0, M, O)[:, m].index_add_(0, neighbors.flatten(), weighted)
        grad_scores.add_(sums * inside)


def _rows(scores: Tensor, knn_idx: Tensor, num_points: int) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """Neighbours and centers as rows of the flattened batch, scores (0 for a row outside), and which are inside."""
    inside = (knn_idx >= 0) & (knn_idx < num_points)
    first = num_points * torch.arange(len(knn_idx), device=knn_idx.device)[:, None, None]
    neighbors = torch.where(inside, knn_idx, 0).long() + first
    return neighbors, knn_idx[..., 0].long() + first[..., 0], scores * inside.unsqueeze(-1), inside.unsqueeze(-1)
