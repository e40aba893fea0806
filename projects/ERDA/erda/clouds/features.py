"""Features of points from the fields of their file, the same in training and in prediction."""
from typing import Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
from scipy import ndimage

from .cloud_format import PointCloud, PointCloudError

XYZ = 'xyz'
RGB = ('red', 'green', 'blue')
HEIGHT = 'height_above_ground'
GROUND_CELL = 2.0  # metres
GROUND_WINDOW = 20.0  # metres; what is wider than this and flat is taken for ground
MAX_GROUND_CELLS = 1 << 22
LOWEST_PERCENT = 1  # a few points below ground, which scanners see in reflections, must not move the origin


class LocalPoints(NamedTuple):
    """Points as a network takes them.

    Attributes:
        points: ``[N, 3 + C]`` float32: x, y, z in metres from ``origin``, then the features.
        origin: ``[3]`` float64 in the file's coordinates.
    """
    points: np.ndarray
    origin: np.ndarray


def local_points(cloud: PointCloud, features: Sequence[str], scale: Mapping[str, float]) -> LocalPoints:
    """Coordinates from a local origin, because float32 has half a metre between neighbours at a northing of 6 000 000.

    The origin is the middle of the points in x and y, and their lowest percent in z.

    Args:
        cloud: N points, at least one.
        features: names, see :func:`point_features`.
        scale: what a feature is divided by, see :func:`point_features`.
    """
    low, high = cloud.xyz.min(axis=0), cloud.xyz.max(axis=0)
    origin = (low + high) / 2
    origin[2] = np.percentile(cloud.xyz[:, 2], LOWEST_PERCENT)
    xyz = (cloud.xyz - origin).astype(np.float32)
    return LocalPoints(np.concatenate([xyz, point_features(cloud, features, scale)], axis=1), origin)


def point_features(cloud: PointCloud, features: Sequence[str], scale: Mapping[str, float]) -> np.ndarray:
    """Features ``[N, C]`` float32 by name, without the coordinates.

    'rgb' is the fields red, green and blue, 'height_above_ground' is :func:`height_above_ground`, all else is the field
    of that name. Colours and 'intensity' are divided by the largest number of their integer type, 255 or 65535, other
    fields by nothing, unless ``scale`` says by what.

    Raises:
        PointCloudError: if a field is missing or has NaN or infinite values.
    """
    columns = [np.empty((len(cloud.xyz), 0), dtype=np.float32)]
    for feature in features:
        if feature == HEIGHT:
            columns.append(height_above_ground(cloud.xyz)[:, None] / scale.get(HEIGHT, 1))
            continue
        for name in fields_of_feature(feature):
            values = cloud.fields[field_name(cloud.fields, name)]
            if values.dtype.kind == 'U':
                raise PointCloudError(f'the field {name!r} has words, not numbers. Leave it out of the features')
            if not np.isfinite(values).all():
                raise PointCloudError(f'the field {name!r} has NaN or infinite values. Leave it out of the features')
            columns.append((values / scale.get(feature, _default_scale(feature, values)))[:, None])
    return np.concatenate(columns, axis=1, dtype=np.float32, casting='same_kind')


def colour_depth(largest: Mapping[str, float]) -> float:
    """What colours are divided by, from the largest value of each field: 1, 255 or 65535.

    Examples:
        >>> colour_depth({'red': 255, 'green': 12, 'blue': 0, 'intensity': 4000})
        255.0
    """
    high = max(largest[own] for name in RGB if (own := find_field(largest, name)))
    return 1. if high <= 1 else 255. if high <= 255 else 65535.


def feature_dims(features: Sequence[str]) -> Dict[str, List[int]]:
    """Columns of each feature behind x, y, z; those of 'rgb' are called 'color', as mmdet3d does.

    Examples:
        >>> feature_dims(['intensity', 'rgb'])
        {'intensity': [3], 'color': [4, 5, 6]}
    """
    dims, start = {}, 3
    for feature in features:
        width = max(len(fields_of_feature(feature)), 1)
        dims['color' if feature == 'rgb' else feature] = list(range(start, start + width))
        start += width
    return dims


def num_channels(features: Sequence[str]) -> int:
    """Columns of the points with their coordinates.

    Examples:
        >>> num_channels(['intensity', 'rgb'])  # x, y, z, intensity, red, green, blue
        7
    """
    return 3 + sum(max(len(fields_of_feature(feature)), 1) for feature in features)


def fields_of_feature(feature: str) -> Sequence[str]:
    """Fields that a feature is made of; none for what comes from the coordinates."""
    return {'rgb': RGB, HEIGHT: ()}.get(feature, (feature, ))


def field_name(fields: Collection[str], name: str) -> str:
    """The field's own name in a file, which may differ in case and begin with CloudCompare's ``scalar_``.

    Colours may be R, G, B, or Rf, Gf, Bf.

    Raises:
        PointCloudError: if there is none.

    Examples:
        >>> field_name(['Intensity', 'scalar_Label'], 'label')
        'scalar_Label'
    """
    if (found := find_field(fields, name)) is None:
        raise PointCloudError(f'there is no field {name!r}, only {", ".join(sorted(fields)) or "x, y, z"}. Correct the '
                              'description or the file')
    return found


def find_field(fields: Collection[str], name: str) -> Optional[str]:
    """The same, or ``None``."""
    if name in fields:
        return name
    plain = {field.lower().removeprefix('scalar_'): field for field in reversed(list(fields))}
    if name.lower() not in plain and name in RGB:  # a single letter is a colour only beside the others
        plain = next((dict(zip(RGB, [plain[letter] for letter in letters]))
                      for letters in (('r', 'g', 'b'), ('rf', 'gf', 'bf')) if set(letters) <= set(plain)), {})
    return plain.get(name.lower())


def height_above_ground(xyz: np.ndarray) -> np.ndarray:
    """Height ``[N]`` float32 in metres above an approximate ground.

    The ground is the lowest point of each cell of 2 m, cleared of what is narrower than 20 m by a morphological
    opening, and interpolated linearly between the cells. It is good to a few decimetres on gentle ground. Wider
    buildings are taken for ground, hilltops narrower than that are not, and a point below ground lowers its cell.
    """
    low = xyz[:, :2].min(axis=0)
    extent = xyz[:, :2].max(axis=0) - low
    cell = max(GROUND_CELL, float(np.sqrt(np.prod(extent + GROUND_CELL) / MAX_GROUND_CELLS)))
    shape = np.floor(extent / cell).astype(np.int64) + 1
    column, row = np.floor((xyz[:, :2] - low) / cell).astype(np.int64).T
    ground = np.full(shape, np.inf)
    np.minimum.at(ground.reshape(-1), column * shape[1] + row, xyz[:, 2])
    empty = np.isinf(ground)
    if empty.any():
        nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
        ground = ground[tuple(nearest)]
    window = 2 * int(GROUND_WINDOW / cell / 2) + 1
    ground = ndimage.grey_opening(ground, size=(window, window), mode='nearest')
    position = (xyz[:, :2] - low).T / cell - 0.5
    below = ndimage.map_coordinates(ground, position, order=1, mode='nearest')
    return (xyz[:, 2] - below).astype(np.float32)


def _default_scale(feature: str, values: np.ndarray) -> float:
    if feature in ('rgb', 'intensity') and values.dtype.kind in 'iu':
        return float(np.iinfo(values.dtype).max) if values.dtype.itemsize < 4 else 255.
    return 1.
