"""Voxels in the order of space-filling curves: those near each other on a curve are near each other in space.

Source: Point Transformer V3, section 4.1, https://arxiv.org/abs/2312.10035
"""
import torch
from torch import Tensor

from ..files.data_error import DataError

MAX_DEPTH = 21  # bits of a coordinate: three of them in the 63 of an int64


def z_order_codes(coors: Tensor) -> Tensor:
    """Position of each voxel on the Z-order curve: the bits of x, y and z in turn, x first.

    Args:
        coors: ``[N, 3]`` integers in 0 to ``2**21 - 1``.

    Returns: ``[N]`` int64.

    Source: Morton, A computer oriented geodetic data base and a new technique in file sequencing, 1966

    Examples:
        >>> z_order_codes(torch.tensor([[0, 0, 1], [1, 0, 0], [3, 2, 0]])).tolist()
        [1, 4, 52]
    """
    x, y, z = map(_every_third_bit, coors.long().unbind(1))
    return x << 2 | y << 1 | z


def hilbert_codes(coors: Tensor, depth: Tensor) -> Tensor:
    """Position of each voxel on the Hilbert curve, on which neighbours always share a face.

    As on the Z-order curve, ``code >> 3`` is the code of ``coors >> 1`` in the grid of half the extents.

    Args:
        coors: ``[N, 3]`` integers in 0 to ``2**depth - 1``.
        depth: ``[N]`` or one integer, at most 21: bits of the coordinates, which decide where the curve begins.

    Returns: ``[N]`` int64 in 0 to ``8**depth - 1``.

    Source: Skilling, Programming the Hilbert curve, 2004, https://doi.org/10.1063/1.1751381

    Examples:
        >>> cube = torch.cartesian_prod(*[torch.arange(2)] * 3)
        >>> cube[hilbert_codes(cube, torch.tensor(1)).argsort()].tolist()
        [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 0, 0]]
    """
    axes = list(coors.long().unbind(1))
    for bit in range(int(depth.max()) - 1, 0, -1):
        lower = (2**bit - 1) * (depth > bit)
        for axis in range(3):
            # In the upper half of an axis the finer curve is mirrored, in the lower half two axes change places.
            upper = (axes[axis] >> bit & 1).bool()
            exchanged = (axes[0] ^ axes[axis]) & lower
            axes[0] = axes[0] ^ torch.where(upper, lower, exchanged)
            axes[axis] = axes[axis] ^ exchanged.masked_fill(upper, 0)
    code = z_order_codes(torch.stack(axes, 1))
    for shift in (1, 2, 4, 8, 16, 32):  # the Gray code of the position becomes the position
        code = code ^ code >> shift
    return code


def _every_third_bit(number: Tensor) -> Tensor:
    """The 21 lower bits of numbers ``[N]``, with two zeros in front of each."""
    for shift, mask in ((32, 0x1f00000000ffff), (16, 0x1f0000ff0000ff), (8, 0x100f00f00f00f00f),
                        (4, 0x10c30c30c30c30c3), (2, 0x1249249249249249)):
        number = (number | number << shift) & mask
    return number


ORDERS = ('z', 'z-trans', 'hilbert', 'hilbert-trans')


def serialization_codes(coors: Tensor, min_depth: int = 0) -> Tensor:
    """Codes that sort the voxels of a batch, one scan behind the other, in each of :data:`ORDERS`.

    Those of a scan do not depend on the others, up to a constant.

    Args:
        coors: ``[N, 4]`` integers (scan, x, y, z), none of them negative, N at least 1.
        min_depth: three times as many bits at least are left to the position.

    Returns: ``[4, N]`` int64, the scan above the bits of the position on the curve: Z-order, Z-order with x and y
        exchanged, Hilbert, Hilbert with x and y exchanged.

    Raises:
        DataError: if the grid has more cells than a code can number.
    """
    scan, xyz = coors[:, 0].long(), coors[:, 1:].long()
    extents = scan.new_zeros(int(scan.max()) + 1).scatter_reduce_(0, scan, xyz.amax(1), 'amax')
    depths = (extents[:, None] >> torch.arange(MAX_DEPTH + 1, device=scan.device) > 0).sum(1)
    depth = max(int(depths.max()), min_depth)
    if 3 * depth + int(scan.max()).bit_length() > 3 * MAX_DEPTH:
        raise DataError(f'A batch with voxel coordinates up to {int(xyz.max())} has more cells than can be numbered: '
                        'take larger voxels, or leave out points far from the others.')
    yxz = xyz[:, [1, 0, 2]]
    position = torch.stack([z_order_codes(xyz), z_order_codes(yxz), hilbert_codes(xyz, depths[scan]),
                            hilbert_codes(yxz, depths[scan])])
    return scan << 3 * depth | position
