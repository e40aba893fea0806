"""Points to voxels, and the vote on a voxel's label that only labelled points take part in."""
from typing import NamedTuple

import torch
from torch import Tensor

from ..ops.unique_coors import unique_coors
from ..weak_labels import UNLABELED, is_labelled


class VoxelGrid(NamedTuple):
    """The occupied voxels of one scan with N points and V voxels, in the order x, y, z.

    Attributes:
        coors: ``[V, 3]`` int, the smallest on each axis is 0.
        first_point: ``[V]`` int64, the first point inside each voxel.
        point2voxel_map: ``[N]`` int64, the voxel of each point.
    """
    coors: Tensor
    first_point: Tensor
    point2voxel_map: Tensor


def occupied_voxels(point_coors: Tensor) -> VoxelGrid:
    """Group points that share a voxel.

    Args:
        point_coors: ``[N, 3]`` integer voxel coordinates of the points, N at least 1, on any device.

    Examples:
        >>> grid = occupied_voxels(torch.tensor([[7, 4, 4], [5, 4, 4], [7, 4, 4]]))
        >>> grid.coors.tolist(), grid.first_point.tolist(), grid.point2voxel_map.tolist()
        ([[0, 0, 0], [2, 0, 0]], [1, 0], [1, 0, 1])
    """
    found = unique_coors(point_coors)
    return VoxelGrid(found.coors - found.coors.amin(dim=0), found.first_row, found.voxel_of_row)


def vote_voxel_labels(labels: Tensor, point2voxel_map: Tensor, num_voxels: int, ignore_index: int) -> Tensor:
    """The label of each voxel: the commonest class among its labelled points, the lower class on a tie.

    A voxel without a labelled point is unlabelled if it holds an unlabelled point, and void only if all of its points
    are void: void never outvotes anything.

    Args:
        labels: ``[N]`` integers, a class of 0 and above, ``UNLABELED``, or ``ignore_index`` for void.
        point2voxel_map: ``[N]`` int64 in 0 to V-1.
        num_voxels: V.
        ignore_index: the label of a void point, and of a void voxel.

    Returns: ``[V]`` of the labels' dtype and device.

    Examples:
        >>> labels = torch.tensor([2, UNLABELED, UNLABELED, UNLABELED, 9, 9])
        >>> voxels = torch.tensor([0, 0, 0, 1, 1, 2])
        >>> vote_voxel_labels(labels, voxels, num_voxels=3, ignore_index=9)  # labelled, unlabelled, void
        tensor([ 2, -1,  9])
    """
    voxel_labels = labels.new_full((num_voxels, ), ignore_index)
    voxel_labels[point2voxel_map[labels == UNLABELED]] = UNLABELED

    labelled = is_labelled(labels, ignore_index)
    if not labelled.any():
        return voxel_labels
    classes, voxels = labels[labelled].long(), point2voxel_map[labelled]
    num_classes = int(classes.max()) + 1
    # Only the few (voxel, class) pairs that occur are counted, instead of a V x K table.
    pair, votes = (voxels * num_classes + classes).unique(return_counts=True)
    voxel, candidate = pair // num_classes, pair % num_classes
    most = votes.new_zeros(num_voxels).scatter_reduce_(0, voxel, votes, 'amax')
    wins = votes == most[voxel]
    winner = candidate.new_full((num_voxels, ), num_classes).scatter_reduce_(0, voxel[wins], candidate[wins], 'amin')
    return torch.where(winner < num_classes, winner.to(labels.dtype), voxel_labels)


def mean_per_voxel(values: Tensor, point2voxel_map: Tensor, num_voxels: int) -> Tensor:
    """Means of the points in each voxel, in float32 or wider.

    Args:
        values: ``[N, C]``.
        point2voxel_map: ``[N]`` int64 in -1 to V-1; points of -1 belong to no voxel.
        num_voxels: V, all of them with a point.

    Returns: ``[V, C]``.

    Examples:
        >>> mean_per_voxel(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1]), num_voxels=2)
        tensor([[2.],
                [5.]])
    """
    if values.element_size() < 4:
        values = values.float()
    # Points of no voxel are added to a row of their own, which is cheaper than picking out the others.
    index = torch.where(point2voxel_map < 0, num_voxels, point2voxel_map)
    sums = values.new_zeros(num_voxels + 1, values.shape[1]).index_add_(0, index, values)[:num_voxels]
    return sums / torch.bincount(index, minlength=num_voxels + 1)[:num_voxels, None]
