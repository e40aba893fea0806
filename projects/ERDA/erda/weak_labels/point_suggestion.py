"""Which points a person should label next: spread out in space, or different and uncertain for a trained network."""
from typing import Callable, Iterable, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..ops.furthest_point_sample import furthest_point_sampling_forward
from .grid_subsampling import grid_subsample

UNCERTAIN_SHARE = 0.25
NEIGHBOUR = 4
ISOLATED = 4.0  # times the usual distance to that neighbour
NEIGHBOURHOOD = 10  # points
MIN_CANDIDATES = 20  # of a file, to know what is usual in it
MAX_CANDIDATES = 200_000  # of all files: bounds the time for each suggested point


class Candidates(NamedTuple):
    """M points of one or more files that could be labelled.

    Attributes:
        xyz: ``[M, 3]`` float64, metres, in the coordinates of the point's file.
        index: ``[M]`` int64, number of the point in its file.
        file: ``[M]`` int64, number of the file.
    """
    xyz: np.ndarray
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    file: np.ndarray

    def take(self, rows: np.ndarray) -> 'Candidates':
        """The candidates of these rows, or where a mask is true."""
        return Candidates(*(values[rows] for values in self))


def candidate_points(chunks: Callable[[], Iterable[np.ndarray]], voxel_size: float,
                     max_points: int = MAX_CANDIDATES) -> Tuple[np.ndarray, np.ndarray]:
    """What may be suggested of a file of any size: one point of each voxel, isolated ones left out.

    Args:
        chunks: gives the coordinates ``[n, 3]`` float64 of the next points, metres, from the beginning at each call.
        voxel_size, max_points: see :func:`subsample_file`.

    Returns: ``[M, 3]`` float64 coordinates and ``[M]`` int64 numbers of the points, ascending.
    """
    xyz, index = subsample_file(chunks(), voxel_size, max_points)
    if len(xyz) > MIN_CANDIDATES:
        usual = ~isolated(neighbour_distances(xyz, chunks()))
        xyz, index = xyz[usual], index[usual]
    return xyz, index


def subsample_file(chunks: Iterable[np.ndarray], voxel_size: float, max_points: int) -> Tuple[np.ndarray, np.ndarray]:
    """The first point of each occupied voxel of a file of any size.

    Args:
        chunks: coordinates ``[n, 3]`` float64 of the next points, metres.
        voxel_size: edge of a voxel, metres; doubled until no more than ``max_points`` voxels are occupied.
        max_points: bounds memory and time.

    Returns: ``[M, 3]`` float64 coordinates and ``[M]`` int64 numbers of the points, ascending.
    """
    xyz, index, start = np.empty((0, 3)), np.empty(0, dtype=np.int64), 0
    for chunk in chunks:
        xyz = np.concatenate([xyz, chunk])
        index = np.concatenate([index, np.arange(start, start + len(chunk))])
        start += len(chunk)
        while len(rows := grid_subsample(xyz, voxel_size)) > max_points:
            voxel_size *= 2
        xyz, index = xyz[rows], index[rows]
    return xyz, index


def neighbour_distances(places: np.ndarray, chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Distance ``[M]`` from some points of a file to their fourth neighbour in it, metres.

    Args:
        places: ``[M, 3]`` float64, among the points of the file.
        chunks: coordinates ``[n, 3]`` float64 of all its points, as in :func:`subsample_file`.
    """
    # The others of these points bound the distance, so that few of them are looked up in a chunk.
    bound = cKDTree(places).query(places, k=NEIGHBOUR + 1)[0][:, -1]
    nearest = np.full((len(places), NEIGHBOUR + 1), np.inf)  # the first is the point itself
    for chunk in chunks:
        low, high = chunk.min(axis=0), chunk.max(axis=0)
        rows = np.flatnonzero(((places >= low - bound[:, None]) & (places <= high + bound[:, None])).all(axis=1))
        if len(rows):
            of_chunk = cKDTree(chunk).query(places[rows], k=NEIGHBOUR + 1)[0]
            nearest[rows] = np.sort(np.concatenate([nearest[rows], of_chunk], axis=1))[:, :NEIGHBOUR + 1]
    return nearest[:, -1]


def isolated(distances: np.ndarray) -> np.ndarray:
    """``[M]`` bool, points whose fourth neighbour is much farther than usual: nobody can tell what they are.

    Args:
        distances: ``[M]`` from :func:`neighbour_distances`.

    Examples:
        >>> isolated(np.array([0.2, 0.3, 0.2, 2.0])).tolist()
        [False, False, False, True]
    """
    return distances > ISOLATED * np.median(distances) if len(distances) else np.zeros(0, dtype=bool)


def neighbourhoods(points: Candidates, size: int = NEIGHBOURHOOD) -> Tuple[np.ndarray, np.ndarray]:
    """Points one neighbourhood after the other, so that a person looks at one place at a time.

    Args:
        points: M points.
        size: points of a neighbourhood at most.

    Returns: ``[M]`` int64 rows in their new order, file by file, and ``[M]`` int64 the number of each one's
        neighbourhood, from 0.
    """
    order, groups = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for file in np.unique(points.file):
        waiting = [np.flatnonzero(points.file == file)]
        while waiting:
            rows = waiting.pop()
            rows = rows[np.argsort(points.xyz[rows, int(np.ptp(points.xyz[rows], axis=0).argmax())], kind='stable')]
            if len(rows) > size:
                waiting += [rows[len(rows) // 2:], rows[:len(rows) // 2]]
            else:
                order.append(rows)
                groups.append(np.full(len(rows), len(groups) - 1, dtype=np.int64))
    return np.concatenate(order), np.concatenate(groups)


def suggest(candidates: Candidates,
            clicked: Candidates,
            budget: int,
            radius: float,
            entropy: Optional[np.ndarray] = None,
            features: Optional[np.ndarray] = None,
            seed: int = 0) -> np.ndarray:
    """Rows of the candidates to label next, none near a click: :func:`suggest_by_place`, or with the entropies
    :func:`suggest_by_features`.

    Args:
        candidates: M points.
        clicked: points that have been answered.
        budget: how many to suggest.
        radius: of a click, metres.
        entropy, features, seed: see :func:`suggest_by_features`.
    """
    near = near_clicks(candidates, clicked, radius)
    if entropy is None:
        free = np.flatnonzero(~near)
        return free[suggest_by_place(candidates.take(free), clicked, budget, seed)]
    taken = np.union1d(np.flatnonzero(near), nearest_candidates(candidates, clicked))
    return suggest_by_features(candidates, features, entropy, budget, taken, seed)


def suggest_by_place(candidates: Candidates, clicked: Candidates, budget: int, seed: int = 0) -> np.ndarray:
    """Furthest point sampling: the next point is the one furthest from all clicked and all suggested ones.

    Points of different files are further apart than any two of one file, so every file gets a point before one gets a
    second, and then the one with the largest gap is next.

    Args:
        candidates: M points.
        clicked: points that have a label.
        budget: how many to suggest.
        seed: decides the first point if nothing is clicked.

    Returns: ``[min(budget, M)]`` int64 rows of the candidates, the most useful first.

    Source: PointNet++, section 3.2, https://arxiv.org/abs/1706.02413
    """
    budget = min(budget, len(candidates.xyz))
    if budget < 1:
        return np.empty(0, dtype=np.int64)
    xyz, reach = _files_apart(candidates)
    nearest = np.minimum(_click_distances(candidates, clicked)**2, 4 * reach**2)
    # The kernel begins with row 0.
    order = np.random.default_rng(seed).permutation(len(xyz))
    order = order[np.argsort(-nearest[order], kind='stable')]
    picked = torch.zeros(1, budget, dtype=torch.int32)
    points, distances = (torch.from_numpy(values[order].astype(np.float32))[None] for values in (xyz, nearest))
    furthest_point_sampling_forward(points, distances, picked, b=1, n=len(xyz), m=budget)
    return order[picked[0].long().numpy()]


def suggest_by_features(candidates: Candidates,
                        features: Optional[np.ndarray],
                        entropy: np.ndarray,
                        budget: int,
                        clicked: Optional[np.ndarray] = None,
                        seed: int = 0) -> np.ndarray:
    """k-center greedy among the most uncertain points, over features and places.

    Only the quarter of the candidates with the largest entropy takes part (more if the budget is larger). The next
    point is the one furthest from all clicked and all suggested ones, where the distance of two points is that of
    their features, scaled to unit length, plus that of their places, which counts up to 1 for points of different files
    or more than a spacing apart. The spacing is that of an even spread of the budget over the candidates. The first
    point is the most uncertain one, if nothing is clicked.

    Args:
        candidates: M points.
        features: ``[M, C]`` what enters the classifier; ``None``: places alone.
        entropy: ``[M]`` of the predicted probabilities, nats, or any other doubt.
        budget: how many to suggest.
        clicked: rows of candidates that stand for labelled points; they are not suggested.
        seed: decides between equally good points.

    Returns: ``[min(budget, points that are not clicked)]`` int64 rows of the candidates, the most useful first.

    Source: k-center greedy of core-sets, https://arxiv.org/abs/1708.00489, after a preselection by uncertainty as in
        https://arxiv.org/abs/1901.05954; the place in the distance is ours.
    """
    clicked = np.empty(0, dtype=np.int64) if clicked is None else np.unique(clicked)
    free = np.setdiff1d(np.random.default_rng(seed).permutation(len(candidates.xyz)), clicked, assume_unique=True)
    budget = min(budget, len(free))
    if budget < 1:
        return np.empty(0, dtype=np.int64)
    free = free[np.argsort(-entropy[free], kind='stable')]
    pool = free[:max(budget, int(np.ceil(UNCERTAIN_SHARE * len(free))))]
    spacing = _spacing(candidates, budget)
    unit = None
    if features is not None:
        unit = (features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    def distance_from(row: int) -> np.ndarray:
        apart = np.linalg.norm(candidates.xyz[pool] - candidates.xyz[row], axis=1) / spacing
        apart[candidates.file[pool] != candidates.file[row]] = 1
        np.minimum(apart, 1, out=apart)
        return apart if unit is None else apart + np.sqrt(np.maximum(2 - 2 * unit[pool] @ unit[row], 0))

    nearest = np.full(len(pool), np.inf)
    if unit is None and len(clicked):  # the same as below, all at once
        nearest = np.minimum(_click_distances(candidates.take(pool), candidates.take(clicked)) / spacing, 1)
    elif unit is not None:
        for row in clicked:
            np.minimum(nearest, distance_from(row), out=nearest)
    picked = []
    for _ in range(budget):
        place = int(nearest.argmax())  # the most uncertain of equally far ones
        picked.append(pool[place])
        np.minimum(nearest, distance_from(pool[place]), out=nearest)
        nearest[place] = -1
    return np.array(picked, dtype=np.int64)


def near_clicks(candidates: Candidates, clicked: Candidates, radius: float) -> np.ndarray:
    """``[M]`` bool, the candidates within ``radius`` metres of a clicked point of their file."""
    return _click_distances(candidates, clicked) <= radius


def nearest_candidates(candidates: Candidates, clicked: Candidates) -> np.ndarray:
    """``[L]`` int64, the row of the candidate nearest to each clicked point; none for a file without candidates."""
    rows = [np.empty(0, dtype=np.int64)]
    for file in np.unique(clicked.file):
        of_file = np.flatnonzero(candidates.file == file)
        if len(of_file):
            rows.append(of_file[cKDTree(candidates.xyz[of_file]).query(clicked.xyz[clicked.file == file])[1]])
    return np.concatenate(rows)


def join(parts: Sequence[Tuple[np.ndarray, np.ndarray]]) -> Candidates:
    """Candidates of several files, numbered in their order, from the coordinates and numbers of each."""
    file = [np.full(len(index), number, dtype=np.int64) for number, (_, index) in enumerate(parts)]
    return Candidates(np.concatenate([np.empty((0, 3)), *(xyz for xyz, _ in parts)]),
                      np.concatenate([np.empty(0, dtype=np.int64), *(index for _, index in parts)]),
                      np.concatenate([np.empty(0, dtype=np.int64), *file]))


def _click_distances(candidates: Candidates, clicked: Candidates) -> np.ndarray:
    """``[M]`` metres to the nearest clicked point of the same file, infinite if there is none."""
    distance = np.full(len(candidates.xyz), np.inf)
    for file in np.unique(clicked.file):
        rows = np.flatnonzero(candidates.file == file)
        if len(rows):
            distance[rows] = cKDTree(clicked.xyz[clicked.file == file]).query(candidates.xyz[rows])[0]
    return distance


def _files_apart(candidates: Candidates) -> Tuple[np.ndarray, float]:
    """``[M, 3]`` local coordinates with the files far from each other, and the largest diameter of a file."""
    xyz, reach = np.empty_like(candidates.xyz), 1.0
    for file in np.unique(candidates.file):
        rows = candidates.file == file
        xyz[rows] = candidates.xyz[rows] - candidates.xyz[rows].min(axis=0)
        reach = max(reach, float(np.linalg.norm(xyz[rows].max(axis=0))))
    xyz[:, 0] += 3 * reach * candidates.file
    return xyz, reach


def _spacing(candidates: Candidates, budget: int) -> float:
    """Metres between neighbours if the budget were spread evenly over the ground that the candidates cover."""
    area = 0.0
    for file in np.unique(candidates.file):
        xy = candidates.xyz[candidates.file == file, :2]
        area += float(np.prod(np.ptp(xy, axis=0)))
    return max(np.sqrt(area / budget), 1e-3)
