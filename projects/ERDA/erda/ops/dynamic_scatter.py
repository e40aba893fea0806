"""Reduction of point features into the voxels that hold them, in plain PyTorch."""
from typing import Tuple

import torch
from torch import Tensor

from .unique_coors import unique_coors


def dynamic_point_to_voxel_forward(feats: Tensor, coors: Tensor, reduce_type: str
                                   ) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """Kernel behind ``mmcv.ops.dynamic_scatter``.

    Args:
        feats: ``[N, C]`` point features.
        coors: ``[N, D]`` integer voxel of each point; a point with a negative one is left out.
        reduce_type: 'max', 'sum' or 'mean'.

    Returns: voxel features ``[M, C]``, voxel coordinates ``[M, D]`` in lexicographic order, the
    voxel of each point ``[N]`` int32 (-1: none) and the number of points per voxel ``[M]`` int32.
    """
    if reduce_type not in ('max', 'sum', 'mean'):
        raise ValueError(f"reduce_type is 'max', 'sum' or 'mean', not {reduce_type!r}")
    inside = (coors >= 0).all(1)
    voxel_coors, voxel_of_point, counts, _ = unique_coors(coors[inside])
    point2voxel = coors.new_full((len(coors),), -1, dtype=torch.int32)
    point2voxel[inside] = voxel_of_point.int()
    kept = feats[inside]
    if reduce_type == 'max':
        voxel_feats = feats.new_full((len(voxel_coors), feats.shape[1]), -torch.inf)
        voxel_feats.index_reduce_(0, voxel_of_point, kept, 'amax')
    else:
        voxel_feats = feats.new_zeros(len(voxel_coors), feats.shape[1])
        voxel_feats.index_add_(0, voxel_of_point, kept)
        if reduce_type == 'mean':
            voxel_feats /= counts.unsqueeze(1)
    return voxel_feats, voxel_coors, point2voxel, counts.int()


def dynamic_point_to_voxel_backward(grad_feats: Tensor, grad_voxel_feats: Tensor, feats: Tensor,
                                    voxel_feats: Tensor, point2voxel_map: Tensor,
                                    voxel_points_count: Tensor, reduce_type: str) -> None:
    """Write the gradient to the point features ``[N, C]`` into ``grad_feats``.

    The gradient of a maximum goes to the first point that attains it, as in mmcv.
    """
    inside = point2voxel_map >= 0
    voxel_of_point = point2voxel_map[inside].long()
    grads = grad_voxel_feats[voxel_of_point]
    if reduce_type == 'mean':
        grads = grads / voxel_points_count[voxel_of_point].unsqueeze(1)
    elif reduce_type == 'max':
        attains = feats[inside] == voxel_feats[voxel_of_point]
        point = torch.arange(len(grads), device=feats.device).unsqueeze(1).expand_as(grads)
        first = torch.full(voxel_feats.shape, len(grads), device=feats.device)
        first.index_reduce_(0, voxel_of_point, torch.where(attains, point, len(grads)), 'amin')
        grads = grads * (point == first[voxel_of_point])
    grad_feats.zero_()
    grad_feats[inside] = grads.to(grad_feats.dtype)
