"""A neighbourhood graph over the surfaces of a cloud, on which a path is cheap as long as it stays on one surface."""
from typing import NamedTuple, Optional

import numpy as np
from scipy.sparse import csr_matrix, identity
from scipy.spatial import cKDTree

from .grid_subsampling import voxel_coors, voxel_keys

FINE_VOXEL, COARSE_VOXEL = 0.1, 0.3  # metres: street scans, aerial scans
POINTS_PER_FINE_VOXEL = 1.3  # street scans have 1.7 and more, aerial ones up to 1.05
SHAPE_NEIGHBOURS = 16  # for normals and shape features, the voxel itself included
EDGES = 10  # to the nearest voxels
NORMAL_WEIGHT, SHAPE_WEIGHT, INTENSITY_WEIGHT, HEIGHT_WEIGHT = 10., 2., 5., 5.
FLAT, TINY = 1e-6, 1e-12  # a line is narrower than this share of its length; metres
VOXELS_AT_A_TIME = 50_000  # bounds the memory of their neighbourhoods


class SurfaceGraph(NamedTuple):
    """V voxels with an edge from each to its k nearest, to be walked in both directions.

    Attributes:
        voxel: ``[N]`` int64, the voxel of each point.
        neighbours: ``[V, k]`` int32, the voxels at the other ends of the edges.
        cost: ``[V, k]`` float64, of these edges, metres made longer by what changes on the way.
    """
    voxel: np.ndarray
    neighbours: np.ndarray
    cost: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over the points of each voxel: ``[V, C]`` float64 of ``[N, C]``."""
        return _mean(self.voxel, values, len(self.neighbours))


class Shape(NamedTuple):
    """Local shape of V places by principal component analysis.

    Attributes:
        normals: ``[V, 3]`` float64, of length 1 or, where there is no plane, 0.
        features: ``[V, 3]`` float64, linearity, planarity and scattering, which sum to 1, or 0 for a single place.

    Source: Demantke et al., Dimensionality based scale selection in 3D lidar point clouds, 2011
    """
    normals: np.ndarray
    features: np.ndarray


def choose_voxel_size(xyz: np.ndarray) -> float:
    """0.1 m for points ``[N, 3]`` close enough that voxels of that size often hold several, 0.3 m for others."""
    voxels = len(np.unique(voxel_keys(voxel_coors(xyz, FINE_VOXEL))))
    return FINE_VOXEL if len(xyz) >= POINTS_PER_FINE_VOXEL * voxels else COARSE_VOXEL


def surface_graph(xyz: np.ndarray, intensity: Optional[np.ndarray] = None,
                  voxel_size: Optional[float] = None) -> SurfaceGraph:
    """Means of the points in voxels, joined to their nearest; the same for the same points, whatever their order.

    The cost of an edge is its length times 1 + 10 (1 - |n . n'|) + 2 |change of the shape features| + 5 |change of
    intensity| + 5 |change of height in metres|.

    Args:
        xyz: ``[N, 3]`` finite coordinates, metres.
        intensity: ``[N]`` in 0 to 1, see :func:`scaled_intensity`; without it that term is left out.
        voxel_size: edge of a voxel, metres; by :func:`choose_voxel_size` if ``None``.
    """
    voxel_size = choose_voxel_size(xyz) if voxel_size is None else voxel_size
    keys, voxel = np.unique(voxel_keys(voxel_coors(xyz, voxel_size)), return_inverse=True)
    # From a corner of their own, because the squares below need the digits that map coordinates fill.
    centres = _mean(voxel, xyz - (xyz.min(axis=0) if len(xyz) else 0), len(keys))
    count = min(SHAPE_NEIGHBOURS, len(keys))
    if count < 2:
        return SurfaceGraph(voxel, np.empty((len(keys), 0), dtype=np.int32), np.empty((len(keys), 0)))
    length, neighbours = cKDTree(centres).query(centres, np.arange(1, count + 1))
    normals, features = local_shape(centres, neighbours)
    # The first is the voxel itself.
    length, neighbours = length[:, 1:EDGES + 1], neighbours[:, 1:EDGES + 1].astype(np.int32)
    cost = np.ones(neighbours.shape)
    for start in range(0, len(keys), VOXELS_AT_A_TIME):
        rows = slice(start, start + VOXELS_AT_A_TIME)
        ends = neighbours[rows]
        cost[rows] += NORMAL_WEIGHT * (1 - np.abs(np.einsum('vi,vki->vk', normals[rows], normals[ends])))
        cost[rows] += SHAPE_WEIGHT * np.abs(features[ends] - features[rows, None]).sum(axis=2)
        cost[rows] += HEIGHT_WEIGHT * np.abs(centres[ends, 2] - centres[rows, None, 2])
    if intensity is not None:
        means = _mean(voxel, intensity[:, None], len(keys))[:, 0]
        cost += INTENSITY_WEIGHT * np.abs(means[neighbours] - means[:, None])
    return SurfaceGraph(voxel, neighbours, cost * length)


def local_shape(centres: np.ndarray, neighbours: np.ndarray) -> Shape:
    """Normals and shape features of places ``[V, 3]`` from their neighbourhoods ``[V, k]``."""
    normals, features = np.empty_like(centres), np.empty_like(centres)
    for start in range(0, len(centres), VOXELS_AT_A_TIME):
        rows = slice(start, start + VOXELS_AT_A_TIME)
        around = centres[neighbours[rows]]
        around -= around.mean(axis=1, keepdims=True)
        values, vectors = np.linalg.eigh(around.transpose(0, 2, 1) @ around)
        # Standard deviations; rounding makes those of a plane slightly negative.
        small, middle, large = np.sqrt(np.maximum(values, 0)).T
        normals[rows] = vectors[:, :, 0] * (middle > FLAT * large)[:, None]
        features[rows] = np.stack([large - middle, middle - small, small], axis=1) / np.maximum(large, TINY)[:, None]
    return Shape(normals, features)


def intensity_scale(intensity: np.ndarray) -> float:
    """What :func:`scaled_intensity` divides ``[N]`` numbers by: their 99th percentile, or 0 if they say nothing.

    Examples:
        >>> intensity_scale(np.array([0, 50, 100, 100])), intensity_scale(np.zeros(3))
        (100.0, 0.0)
    """
    finite = intensity[np.isfinite(intensity)]
    return max(float(np.percentile(finite, 99)), 0.) if len(finite) else 0.


def scaled_intensity(intensity: np.ndarray, scale: float) -> Optional[np.ndarray]:
    """``[N]`` float64 in 0 to 1: divided by the scale and cut off; ``None`` if that is 0.

    Examples:
        >>> scaled_intensity(np.array([0, 50, 100, 400]), 100).tolist()
        [0.0, 0.5, 1.0, 1.0]
    """
    return np.clip(np.nan_to_num(intensity / scale), 0., 1.) if scale else None


def smoothed(graph: SurfaceGraph, values: np.ndarray, length: float = 0.3, rounds: int = 10) -> np.ndarray:
    """Values averaged along the graph, each voxel with its neighbours, again and again.

    Args:
        graph: of N points.
        values: ``[N, C]``, such as probabilities.
        length: an edge of this cost has 1/e of the voxel's own weight, metres.
        rounds: how often.

    Returns: ``[N, C]`` of the type of ``values``, the same within a voxel.
    """
    count, edges = graph.cost.shape
    start = np.arange(0, count * edges + 1, max(edges, 1))[:count + 1]
    weights = csr_matrix((np.exp(-graph.cost / length).ravel(), graph.neighbours.ravel(), start), (count, count))
    weights = weights.maximum(weights.T) + identity(count, format='csr')
    total, means = np.asarray(weights.sum(axis=1)), graph.mean(values)
    for _ in range(rounds):
        means = weights @ means / total
    return means[graph.voxel].astype(values.dtype)


def _mean(voxel: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    points = np.bincount(voxel, minlength=count)
    return np.stack([np.bincount(voxel, column, count) / points for column in values.T], axis=1)
