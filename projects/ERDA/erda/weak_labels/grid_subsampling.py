"""The subsampled cloud that indoor papers count labels on: one point per occupied voxel."""
from typing import Sequence, Union

import numpy as np


def voxel_coors(points: np.ndarray, voxel_size: Union[float, Sequence[float]], centred: bool = False) -> np.ndarray:
    """The voxel of each point.

    Args:
        points: ``[N, 3]`` x, y, z in metres.
        voxel_size: edge of a voxel in metres, or one for each axis.
        centred: a voxel's centre is at the origin, as in mmdet3d's MinkUNet, not its corner, as in grid subsampling.

    Returns: ``[N, 3]`` int64.

    Examples:
        >>> points = np.array([[0.01, 0.03, 0.0], [-0.01, 0.07, 0.0]])
        >>> voxel_coors(points, 0.04).tolist()
        [[0, 0, 0], [-1, 1, 0]]
    """
    return np.floor(points / np.asarray(voxel_size, dtype=np.float64) + centred / 2).astype(np.int64)


def voxel_keys(coors: np.ndarray) -> np.ndarray:
    """``[N]`` int64, a number for each row of ``[N, 3]`` int64 that equal rows share and no others.

    Examples:
        >>> voxel_keys(np.array([[5, 0, 0], [5, 0, 1], [5, 0, 0]])).tolist()
        [0, 1, 0]
    """
    keys = np.zeros(len(coors), dtype=np.int64)
    if len(coors):
        for axis in coors.T:  # by axis, several times faster than minima over rows of three
            keys = keys * (axis.max() - axis.min() + 1) + (axis - axis.min())
    return keys


def grid_subsample(points: np.ndarray, voxel_size: Union[float, Sequence[float]]) -> np.ndarray:
    """The first point of each occupied voxel: real points of the cloud, not barycentres with a voted label.

    Args:
        points: ``[N, 3]`` x, y, z in metres.
        voxel_size: edge of a voxel in metres, or one for each axis; a corner is at the origin.

    Returns: ``[M]`` int64 in 0 to N-1, in ascending order.

    Examples:
        >>> points = np.array([[0.01, 0, 0], [0.03, 0, 0], [0.05, 0, 0]])
        >>> grid_subsample(points, 0.04).tolist()  # the first two share a voxel
        [0, 2]
    """
    _, first_point = np.unique(voxel_keys(voxel_coors(points, voxel_size)), return_index=True)
    return np.sort(first_point)
