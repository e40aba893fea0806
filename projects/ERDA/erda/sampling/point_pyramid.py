"""Random subsets of a scan, each of the one before, and which points are near each other."""
from typing import Any, List, NamedTuple, Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor


class PointPyramid(NamedTuple):
    """Levels of a scan; level 0 has all N_0 points, level l + 1 a random part of those of level l.

    Attributes:
        neighbors: for each level but the last ``[N_l, K]`` int32, the nearest points of the same level, nearest first,
            a point itself among them. Where a level has fewer than K points the nearest fills up.
        kept: for each level but the last ``[N_(l+1)]`` int32, its points that make up the next level.
        nearest: for each level but the last ``[N_l]`` int32, the nearest point of the next level.
    """
    neighbors: List[Tensor]
    kept: List[Tensor]
    nearest: List[Tensor]

    @classmethod
    def joined(cls, pyramids: 'Sequence[PointPyramid]') -> 'PointPyramid':
        """See :func:`join_pyramids`."""
        above = [[len(near) for near in pyramid.neighbors] for pyramid in pyramids]
        below = [[len(keep) for keep in pyramid.kept] for pyramid in pyramids]
        return cls(
            neighbors=joined_rows([pyramid.neighbors for pyramid in pyramids], above),
            kept=joined_rows([pyramid.kept for pyramid in pyramids], above),
            nearest=joined_rows([pyramid.nearest for pyramid in pyramids], below))


def point_pyramid(xyz: np.ndarray, num_neighbors: int, ratios: Sequence[int], rng: np.random.Generator) -> PointPyramid:
    """The levels of a scan, one more than there are ratios.

    Args:
        xyz: ``[N, 3]`` x, y, z, at least one point.
        num_neighbors: K.
        ratios: for each level, one of how many points the next one has, at least one in all.
        rng: random numbers that choose them.

    Source: RandLA-Net, section 3.2, https://arxiv.org/abs/1911.11236

    Examples:
        >>> line = np.array([[0., 0, 0], [1, 0, 0], [3, 0, 0]])
        >>> pyramid = point_pyramid(line, num_neighbors=2, ratios=[3], rng=np.random.default_rng(0))
        >>> pyramid.neighbors[0].tolist(), len(pyramid.kept[0]), pyramid.nearest[0].tolist()
        ([[0, 1], [1, 0], [2, 1]], 1, [0, 0, 0])
    """
    pyramid = PointPyramid([], [], [])
    tree = cKDTree(xyz)
    for ratio in ratios:
        found = tree.query(xyz, k=range(1, min(num_neighbors, len(xyz)) + 1))[1]
        pyramid.neighbors.append(int32_rows(np.pad(found, ((0, 0), (0, num_neighbors - found.shape[1])), mode='edge')))
        kept = rng.permutation(len(xyz))[:max(len(xyz) // ratio, 1)]
        tree = cKDTree(xyz[kept])
        pyramid.kept.append(int32_rows(kept))
        pyramid.nearest.append(int32_rows(tree.query(xyz)[1]))
        xyz = xyz[kept]
    return pyramid


def join_pyramids(pyramids: Sequence[Any]) -> Any:
    """The pyramid of several scans below each other, as int64; nobody is near a point of another scan.

    Args:
        pyramids: of the scans, all of one kind and with as many levels each.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> one, two = (point_pyramid(np.eye(3)[:n], 1, [2], rng) for n in (1, 2))
        >>> join_pyramids([one, two]).neighbors[0].tolist()
        [[0], [1], [2]]
    """
    return pyramids[0].joined(pyramids)


def pyramids_of_batch(collated: Any) -> List[Any]:
    """One for each scan, from what a data loader makes of them: a list of tensors in the place of each tensor."""
    return [type(collated)(*([scans[index] for scans in levels] for levels in collated))
            for index in range(len(collated.neighbors[0]))]


def collated_pyramids(pyramids: Sequence[Any]) -> Any:
    """What a data loader makes of the pyramids of several scans; :func:`pyramids_of_batch` undoes it.

    Examples:
        >>> scans = [point_pyramid(np.eye(3), 1, [2], np.random.default_rng(0)) for _ in range(2)]
        >>> [len(level) for level in collated_pyramids(scans).neighbors]  # one level but the last, two scans
        [2]
    """
    return type(pyramids[0])(*([list(scans) for scans in zip(*tables)] for tables in zip(*pyramids)))


def joined_rows(tables: List[List[Tensor]], num_points: List[List[int]]) -> List[Tensor]:
    """For each level the rows of all scans, where those of a scan point to ``num_points`` others, or to none by -1."""
    joined = []
    for level in range(len(tables[0])):
        start, rows = 0, []
        for scan, counts in zip(tables, num_points):
            own = scan[level].long()
            rows.append(torch.where(own < 0, own, own + start))
            start += counts[level]
        joined.append(torch.cat(rows))
    return joined


def int32_rows(rows: np.ndarray) -> Tensor:
    """As tables have them, half as large as int64 on the way from a worker."""
    return torch.from_numpy(rows.astype(np.int32))
