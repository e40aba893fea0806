"""torchsparse's exchange of features between points and voxels, in plain PyTorch.

Source: SPVCNN, https://arxiv.org/abs/2007.16100, with the conventions of torchsparse 1.4.0.
"""
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

# A key is 9 bits of batch index, then 18 each of x, y and z: sorted keys are voxels sorted by (batch, x, y, z).
COORDINATE_BITS = 18
MAX_COORDINATE = 1 << COORDINATE_BITS - 1
MAX_BATCH_SIZE = 1 << 63 - 3 * COORDINATE_BITS


def sphash(coords: Tensor, offsets: Optional[Tensor] = None) -> Tensor:
    """One int64 per voxel, different for different voxels.

    Args:
        coords: ``[N, 4]`` integer rows (x, y, z, batch); x, y and z may be negative.
        offsets: ``[K, 3]`` integer steps (x, y, z) to take from every voxel.

    Returns: ``[N]``, or ``[K, N]`` with offsets.
    """
    if coords.is_floating_point() or coords.dim() != 2 or coords.shape[1] != 4:
        raise ValueError(f'voxels: integer coordinates [N, 4] (x, y, z, batch) expected, {list(coords.shape)} '
                         f'{coords.dtype} given')
    coords = coords.long()
    low_step, high_step = (0, 0) if offsets is None else (int(offsets.min()), int(offsets.max()))
    if len(coords):
        low, high = coords.amin(0).tolist(), coords.amax(0).tolist()
        if (min(low[:3]) + low_step < -MAX_COORDINATE or max(high[:3]) + high_step >= MAX_COORDINATE
                or low[3] < 0 or high[3] >= MAX_BATCH_SIZE):
            raise ValueError(f'voxels: coordinates from {low} to {high} (x, y, z, batch) leave the range of '
                             f'+-{MAX_COORDINATE} and {MAX_BATCH_SIZE} scans')
    keys = coords[:, 3]
    for axis in range(3):
        keys = (keys << COORDINATE_BITS) + coords[:, axis] + MAX_COORDINATE
    if offsets is None:
        return keys
    x, y, z = offsets.long().unbind(1)
    # In range there is no carry from one coordinate to the next, so the key of a sum is the sum of keys.
    steps = (x << 2 * COORDINATE_BITS) + (y << COORDINATE_BITS) + z
    return steps[:, None] + keys


def sphashquery(queries: Tensor, references: Tensor) -> Tensor:
    """Position of each query in ``references`` ``[M]``, the first of equal ones, or -1 if it is not there."""
    if not len(references):
        return torch.full_like(queries, -1)
    ordered, order = references.sort(stable=True)
    rank = torch.searchsorted(ordered, queries).clamp_(max=len(references) - 1)
    return torch.where(ordered[rank] == queries, order[rank], -1)


def spcount(coords: Tensor, num: int) -> Tensor:
    """How often each of 0 to ``num - 1`` occurs among integers ``[N]``, of which -1 is skipped. ``[num]`` int32."""
    return torch.bincount(coords.long() + 1, minlength=num + 1)[1:].int()


def spvoxelize(feats: Tensor, coords: Tensor, counts: Tensor) -> Tensor:
    """Mean of the points in each voxel; differentiable in the features.

    Args:
        feats: ``[N, C]`` of the points.
        coords: ``[N]`` row of the voxel of each point, -1 for none.
        counts: ``[M]`` points per voxel, from :func:`spcount`.

    Returns: ``[M, C]`` in the type of ``feats``, also under autocast: mmdet3d averages coordinates with it, which half
        precision would round. Zero for a voxel without points.
    """
    num = len(counts)
    rows = torch.where(coords < 0, num, coords.long())  # one row more takes the points of no voxel
    sums = feats.new_zeros(num + 1, feats.shape[1], dtype=torch.promote_types(feats.dtype, torch.float32))
    sums = sums.index_add(0, rows, feats.to(sums.dtype))[:num]
    return (sums / counts.clamp(min=1)[:, None]).to(feats.dtype)


def spdevoxelize(feats: Tensor, coords: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of the voxels around each point; differentiable in the features only.

    Args:
        feats: ``[M, C]`` of the voxels.
        coords: ``[N, 8]`` rows of the voxels around each point, -1 for none.
        weights: ``[N, 8]``, from :func:`calc_ti_weights`.

    Returns: ``[N, C]`` in the type of ``feats``.
    """
    accumulate = torch.promote_types(feats.dtype, torch.float32)
    weights = weights.detach().to(accumulate).masked_fill(coords < 0, 0)
    # A row of zeros in front takes the place of voxels that are not there, and of all where there is no voxel.
    padded = F.pad(feats.to(accumulate), (0, 0, 1, 0))
    return F.embedding_bag(coords.long() + 1, padded, mode='sum', per_sample_weights=weights).to(feats.dtype)


@torch.no_grad()
def calc_ti_weights(coords: Tensor, idx_query: Tensor, scale: float = 1) -> Tensor:
    """Trilinear weights of the eight voxels around each point, over those that are there.

    Args:
        coords: ``[N, 3 or more]`` float, x, y, z first.
        idx_query: ``[8, N]`` rows of the voxels at the offsets ``get_kernel_offsets(2)``, -1 for none.
        scale: edge of a voxel.

    Returns: ``[8, N]`` that sum to 1 over the voxels of a point, or to 0 where none of them has a share.
    """
    shares = coords[:, :3].remainder(scale) / scale
    x, y, z = (torch.stack([1 - share, share]) for share in shares.unbind(1))
    weights = (x[:, None, None] * y[None, :, None] * z[None, None, :]).flatten(0, 2)  # z changes fastest
    weights = weights.masked_fill(idx_query == -1, 0)
    return weights / (weights.sum(0) + 1e-8)
