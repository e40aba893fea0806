"""Patches: runs of voxels along a curve, within which attention takes place.

Source: Point Transformer V3, section 4.2, https://arxiv.org/abs/2312.10035
"""
import itertools
import math
from typing import List, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor


class Patches(NamedTuple):
    """Patches of P_i times L_i voxels each, ``M = sum(P_i * L_i)`` places in all.

    Attributes:
        voxels: ``[M]`` int64, the voxel in each place, patch after patch.
        shapes: (P_i, L_i) of the patches, in the order of the places.
        places: ``[N]`` int64, the place whose result belongs to each voxel.
    """
    voxels: Tensor
    shapes: List[Tuple[int, int]]
    places: Tensor


def cut_patches(order: Tensor, counts: Sequence[int], size: int) -> Patches:
    """Cut the voxels of each scan into patches of the same length.

    A scan of fewer voxels than ``size`` is one patch. In a longer one the last patch begins earlier, so that it is
    full; a voxel that it shares with the patch before gets its result from there.

    Args:
        order: ``[N]`` int64 voxels along a curve, one scan behind the other.
        counts: voxels of each scan, N in all.
        size: voxels of a patch.

    Examples:
        >>> patches = cut_patches(torch.tensor([2, 0, 1, 4, 3]), counts=[3, 2], size=2)
        >>> patches.voxels.tolist(), patches.shapes, patches.places.tolist()
        ([2, 0, 0, 1, 4, 3], [(3, 2)], [1, 3, 0, 5, 4])
    """
    positions: List[Tensor] = []
    shapes: List[Tuple[int, int]] = []
    places = torch.empty_like(order)
    used = 0
    scans = [(count, begin - count) for count, begin in zip(counts, itertools.accumulate(counts)) if count]
    for count, begin in sorted(scans, reverse=True):  # patches of one length, one behind the other
        length = min(count, size)
        number = math.ceil(count / length)
        starts = (torch.arange(number, device=order.device) * length).clamp_(max=count - length)
        along = torch.arange(count, device=order.device)
        own = along.div(length, rounding_mode='floor')
        places[order[begin:begin + count]] = used + own * length + along - starts[own]
        positions.append((begin + starts[:, None] + along[:length]).flatten())
        used += number * length
        if shapes and shapes[-1][1] == length:
            number += shapes.pop()[0]
        shapes.append((number, length))
    return Patches(order[torch.cat(positions)], shapes, places)
