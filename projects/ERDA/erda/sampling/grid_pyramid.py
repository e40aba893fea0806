"""Ever coarser grids over a scan, and which points of one are near those of another."""
from typing import List, NamedTuple, Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..config import ConfigError
from ..weak_labels.grid_subsampling import voxel_coors, voxel_keys
from .point_pyramid import int32_rows, joined_rows


class GridPyramid(NamedTuple):
    """Levels of a scan; level 0 has all N_0 points, each other one a point for each voxel twice as large.

    Rows are -1 where fewer than K_l points lie within the radius of their level, which is twice that of the one before.

    Attributes:
        xyz: for each level but the first ``[N_l, 3]`` float32 x, y, z.
        neighbors: for each level ``[N_l, K_l]`` int32, points of the same level, nearest first, a point itself among
            them.
        pooled: for each level but the last ``[N_(l+1), K_l]`` int32, its points near those of the next level.
        nearest: for each level but the last ``[N_l]`` int32, the nearest point of the next level.
    """
    xyz: List[Tensor]
    neighbors: List[Tensor]
    pooled: List[Tensor]
    nearest: List[Tensor]

    @classmethod
    def joined(cls, pyramids: 'Sequence[GridPyramid]') -> 'GridPyramid':
        """See :func:`erda.sampling.join_pyramids`."""
        here = [[len(near) for near in pyramid.neighbors] for pyramid in pyramids]
        return cls(
            xyz=[torch.cat(scans) for scans in zip(*(pyramid.xyz for pyramid in pyramids))],
            neighbors=joined_rows([pyramid.neighbors for pyramid in pyramids], here),
            pooled=joined_rows([pyramid.pooled for pyramid in pyramids], here),
            nearest=joined_rows([pyramid.nearest for pyramid in pyramids], [counts[1:] for counts in here]))


def check_grids(voxel_size: float, radius: float, num_neighbors: Sequence[int]) -> None:
    """Refuse a pyramid in which a point of the next level could have no neighbour.

    Raises:
        ConfigError: if there are less than two levels, ``voxel_size`` is not positive, ``radius`` is below 1.74 of it
            (half the diagonal of the next voxels) or a level has no neighbours.
    """
    if not voxel_size > 0 or not radius >= 1.74 * voxel_size:
        raise ConfigError(f'radius={radius} must be at least 1.74 times voxel_size={voxel_size}, both in metres')
    if len(num_neighbors) < 2 or min(num_neighbors) < 1:
        raise ConfigError(f'num_neighbors={tuple(num_neighbors)} needs a positive number for each of two levels or '
                          'more')


def grid_pyramid(xyz: np.ndarray, voxel_size: float, radius: float, num_neighbors: Sequence[int]) -> GridPyramid:
    """The levels of a scan, as many as ``num_neighbors`` has numbers.

    Args:
        xyz: ``[N, 3]`` x, y, z in metres, at least one point.
        voxel_size: edge of the voxels that the scan has been subsampled to; those of level 1 are twice as large.
        radius: of level 0, in metres.
        num_neighbors: K of each level.

    Source: CloserLook3D, section 3, https://arxiv.org/abs/2007.01294

    Examples:
        >>> line = np.array([[0., 0, 0], [1, 0, 0], [2.5, 0, 0]])
        >>> pyramid = grid_pyramid(line, voxel_size=1, radius=1.8, num_neighbors=[2, 2])
        >>> pyramid.xyz[0].tolist(), pyramid.nearest[0].tolist()
        ([[0.5, 0.0, 0.0], [2.5, 0.0, 0.0]], [0, 0, 1])
        >>> pyramid.neighbors[0].tolist(), pyramid.neighbors[1].tolist()
        ([[0, 1], [1, 0], [2, 1]], [[0, 1], [1, 0]])
    """
    pyramid = GridPyramid([], [], [], [])
    tree = cKDTree(xyz)
    for level, count in enumerate(num_neighbors):
        if level > 0:
            voxel_size, radius = 2 * voxel_size, 2 * radius
        pyramid.neighbors.append(_within(tree, xyz, radius, count))
        if level + 1 < len(num_neighbors):
            coarse = voxel_means(xyz, 2 * voxel_size)
            pyramid.xyz.append(torch.from_numpy(coarse))
            pyramid.pooled.append(_within(tree, coarse, radius, count))
            xyz, finer, tree = coarse, xyz, cKDTree(coarse)
            pyramid.nearest.append(int32_rows(tree.query(finer)[1]))
    return pyramid


def voxel_means(xyz: np.ndarray, voxel_size: float) -> np.ndarray:
    """``[M, 3]`` float32, the mean of the points ``[N, 3]`` in each occupied voxel."""
    _, voxel, counts = np.unique(voxel_keys(voxel_coors(xyz, voxel_size)), return_inverse=True, return_counts=True)
    return np.stack([np.bincount(voxel, weights=axis) / counts for axis in xyz.T], axis=1).astype(np.float32)


def _within(tree: cKDTree, centers: np.ndarray, radius: float, count: int) -> Tensor:
    """``[M, count]`` rows of the tree's points nearest to the centres ``[M, 3]``, -1 beyond the radius."""
    rows = tree.query(centers, k=range(1, count + 1), distance_upper_bound=radius)[1]
    return int32_rows(np.where(rows == tree.n, -1, rows))
