"""Which points a person means by a click, by a rectangle and by a place to look at."""
from typing import NamedTuple, Optional, Tuple

import numpy as np
from scipy.spatial import cKDTree

from ..weak_labels.grid_subsampling import voxel_keys

CONE = 0.004  # half its angle, radians: some three pixels
SAMPLE = 20_000  # points whose neighbours say how dense a cloud is
NEIGHBOUR = 4
SCREEN_CELL = 0.006  # of the height of the picture; points closer together than this hide what is behind them
DEPTH_SHARE = 0.02  # of its distance, by which a point may lie behind another and not be hidden
BEHIND = 0.1  # of the points around, how many in the way a view may have for all of them behind
AZIMUTHS, ELEVATIONS = np.arange(0, 360, 45), (35, 60, 80)  # degrees, where a point may be looked at from


class Camera(NamedTuple):
    """A pinhole camera.

    Attributes:
        position: ``[3]`` metres.
        rotation: ``[3, 3]``, columns are the directions right, down and forward in the scene.
        fov: vertical field of view, radians.
        aspect: width of the picture over its height.
    """
    position: np.ndarray
    rotation: np.ndarray
    fov: float
    aspect: float


def usual_spacing(xyz: np.ndarray) -> float:
    """Half the median distance of points ``[N, 3]`` to their fourth neighbour: about the side of a point's own square.

    Examples:
        >>> x, y = np.meshgrid(np.arange(20.), np.arange(20.))
        >>> usual_spacing(np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1))
        0.5
    """
    if len(xyz) < 2:
        return 0.1
    some = xyz[::max(len(xyz) // SAMPLE, 1)]
    distance = cKDTree(xyz).query(some, k=min(NEIGHBOUR + 1, len(xyz)))[0][:, -1]
    return max(float(np.median(distance)) / 2, 1e-3)


def point_on_ray(xyz: np.ndarray, origin: np.ndarray, direction: np.ndarray, spacing: float) -> Optional[int]:
    """The point that a click means: on the first surface that its ray meets, the one closest to the ray.

    A point is met if it is within a small cone, or closer to the ray than the gaps between points are wide, so that
    nobody clicks through a surface.

    Args:
        xyz: ``[N, 3]`` metres.
        origin: ``[3]`` the eye.
        direction: ``[3]`` of any length.
        spacing: from :func:`usual_spacing`, metres.

    Returns: number of the point, ``None`` if none is met.
    """
    direction = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    ray = xyz - np.asarray(origin, dtype=xyz.dtype)
    depth = ray @ direction.astype(xyz.dtype)
    aside = np.maximum(np.einsum('ni,ni->n', ray, ray) - depth**2, 0)  # squared
    radius = np.maximum(CONE * depth, 2 * spacing)
    met = np.flatnonzero((depth > 0) & (aside <= radius**2))
    if not len(met):
        return None
    first = depth[met].min()
    surface = met[depth[met] <= first + 2 * radius[met]]
    return int(surface[aside[surface].argmin()])


def points_in_rectangle(xyz: np.ndarray, camera: Camera, low: Tuple[float, float], high: Tuple[float, float],
                        spacing: float) -> np.ndarray:
    """``[M]`` int64, the points in a rectangle of the picture that nothing hides.

    Args:
        xyz: ``[N, 3]`` metres.
        camera: that takes the picture.
        low, high: corners, x to the right and y down, 0 to 1.
        spacing: from :func:`usual_spacing`, metres.
    """
    local = (xyz - camera.position) @ camera.rotation
    half = np.tan(camera.fov / 2)
    with np.errstate(divide='ignore', invalid='ignore'):
        across, down = ((local[:, :2] / local[:, 2:] / half / (camera.aspect, 1) + 1) / 2).T
    inside = (local[:, 2] > 0) & (across >= low[0]) & (across <= high[0]) & (down >= low[1]) & (down <= high[1])
    if not inside.any():
        return np.empty(0, dtype=np.int64)
    # As wide as a gap between points of the nearest surface looks, which hides all the same.
    cell = max(SCREEN_CELL, float(2 * spacing / half / np.percentile(local[inside, 2], 5)))
    near = np.flatnonzero((local[:, 2] > 0) & (across >= low[0] - cell / camera.aspect)
                          & (across <= high[0] + cell / camera.aspect) & (down >= low[1] - cell)
                          & (down <= high[1] + cell))
    depth = local[near, 2]
    columns = np.floor(across[near] * camera.aspect / cell).astype(np.int64)
    rows = np.floor(down[near] / cell).astype(np.int64)
    _, place = np.unique(voxel_keys(np.stack([columns, rows], axis=1)), return_inverse=True)
    nearest = np.full(place.max() + 1, np.inf)
    np.minimum.at(nearest, place, depth)
    return near[inside[near] & (depth <= nearest[place] * (1 + DEPTH_SHARE) + 4 * spacing)]


def view_of(point: np.ndarray, xyz: np.ndarray, distance: float, spacing: float) -> np.ndarray:
    """``[3]`` where to look at a point from, so that little is in the way and its surroundings are behind it.

    Args:
        point: ``[3]`` metres.
        xyz: ``[N, 3]`` the points around it.
        distance: of the eye, metres.
        spacing: from :func:`usual_spacing`, metres.
    """
    near = xyz[np.square(xyz - point).sum(axis=1) < distance**2] - point
    best, least = np.array([0., 0., distance]), np.inf
    surroundings = near.mean(axis=0) / distance if len(near) else np.zeros(3)
    for elevation in np.radians(ELEVATIONS):
        for azimuth in np.radians(AZIMUTHS):
            direction = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
                                  np.sin(elevation)])
            along = near @ direction
            aside = np.square(near).sum(axis=1) - along**2
            # What touches the point is its own surface.
            blocking = ((along > 3 * spacing) & (aside < (0.1 * along + spacing)**2)).sum()
            badness = blocking + BEHIND * len(near) * (surroundings[:2] @ direction[:2])
            if badness < least:
                best, least = direction * distance, badness
    return point + best
