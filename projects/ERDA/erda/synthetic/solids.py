"""Boxes, upright cylinders and ellipsoids that rays can hit, opaque or porous like foliage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SHAPES = ('box', 'cylinder', 'ellipsoid')
_PARALLEL = 1e-12


@dataclass(frozen=True)
class Solid:
    """One primitive of a scene, in metres and radians, z up.

    Args:
        shape: ``'box'``, ``'cylinder'`` (axis along its own z) or ``'ellipsoid'``.
        center: x, y, z in the world.
        half_size: half extents along the solid's own axes.
        label: raw SemanticKITTI id of every return from it.
        remission: remission at normal incidence and zero range, about 0 to 1.
        yaw: rotation about the world's z axis.
        lean: tilt of the solid's z axis towards its own x axis.
        texture: standard deviation of the remission from return to return.
        mean_free_path: mean depth a ray travels inside before it is returned; 0 is opaque.
            Foliage, hedges and wire fences are porous: part of the rays pass through.
        glass: width fraction of a facade or cabin that is window.
    Raises: ValueError for an unknown shape or a half size that is not positive.
    """

    shape: str
    center: tuple[float, float, float]
    half_size: tuple[float, float, float]
    label: int
    remission: float
    yaw: float = 0.0
    lean: float = 0.0
    texture: float = 0.05
    mean_free_path: float = 0.0
    glass: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f'shape must be one of {SHAPES}, got {self.shape!r}')
        if min(self.half_size) <= 0:
            raise ValueError(f'half_size must be positive, got {self.half_size}')


class SolidTable(NamedTuple):
    """The solids of a scene as arrays, one row per solid; ``axes[i, :, k]`` is own axis k."""

    shape: NDArray[np.int64]
    center: FloatArray
    half_size: FloatArray
    axes: FloatArray
    label: NDArray[np.uint32]
    remission: FloatArray
    texture: FloatArray
    mean_free_path: FloatArray
    glass: FloatArray


class Incidence(NamedTuple):
    """How rays meet solids: |cosine| to the normal ``[M]`` and whether they hit glass ``[M]``."""

    cosine: FloatArray
    on_glass: NDArray[np.bool_]


def stack_solids(solids: Sequence[Solid]) -> SolidTable:
    """Turn S solids into arrays of S rows; S may be zero."""

    def column(name: str, width: int = 0, dtype: type = np.float64) -> NDArray:
        values: NDArray = np.array([getattr(solid, name) for solid in solids], dtype=dtype)
        return values.reshape(len(solids), width) if width else values

    cos_yaw, sin_yaw = np.cos(column('yaw')), np.sin(column('yaw'))
    cos_lean, sin_lean = np.cos(column('lean')), np.sin(column('lean'))
    axes = np.zeros((len(solids), 3, 3))
    axes[:, :, 0] = np.stack([cos_yaw * cos_lean, sin_yaw * cos_lean, -sin_lean], axis=-1)
    axes[:, 0, 1], axes[:, 1, 1] = -sin_yaw, cos_yaw
    axes[:, :, 2] = np.stack([cos_yaw * sin_lean, sin_yaw * sin_lean, cos_lean], axis=-1)
    return SolidTable(
        shape=np.array([SHAPES.index(solid.shape) for solid in solids], dtype=np.int64),
        center=column('center', 3),
        half_size=column('half_size', 3),
        axes=axes,
        label=column('label', dtype=np.uint32),
        remission=column('remission'),
        texture=column('texture'),
        mean_free_path=column('mean_free_path'),
        glass=column('glass'))


def ray_interval(table: SolidTable, index: int, origin: FloatArray,
                 directions: tuple[FloatArray, FloatArray, FloatArray],
                 ) -> tuple[FloatArray, FloatArray]:
    """Ranges between which rays are inside one solid.

    Args:
        origin: ``[3]``, common start of the rays.
        directions: x, y and z of unit directions, three arrays of one shape.
    Returns: entry and exit range in metres, of that shape; entry > exit where the ray misses.
    """
    axes, half_size = table.axes[index], table.half_size[index]
    offset = origin - table.center[index]
    # Scaled by its half size every solid is a unit solid, and ranges along the ray do not change.
    start = [float(np.sum(offset * axes[:, k])) / half_size[k] for k in range(3)]
    step = [(axes[0, k] * directions[0] + axes[1, k] * directions[1] + axes[2, k] * directions[2])
            / half_size[k] for k in range(3)]
    shape = SHAPES[table.shape[index]]
    if shape == 'ellipsoid':
        return _inside_ball(start, step)
    near_z, far_z = _inside_slab(start[2], step[2])
    if shape == 'cylinder':
        near, far = _inside_ball(start[:2], step[:2])
        return np.maximum(near, near_z), np.minimum(far, far_z)
    near_x, far_x = _inside_slab(start[0], step[0])
    near_y, far_y = _inside_slab(start[1], step[1])
    return (np.maximum(np.maximum(near_x, near_y), near_z),
            np.minimum(np.minimum(far_x, far_y), far_z))


def _inside_slab(start: float, step: FloatArray) -> tuple[FloatArray, FloatArray]:
    inverse = 1.0 / np.where(np.abs(step) < _PARALLEL, _PARALLEL, step)
    center, half = -start * inverse, np.abs(inverse)
    return center - half, center + half


def _inside_ball(start: list[float], step: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    squared = np.maximum(sum(s * s for s in step), _PARALLEL)
    middle = -sum(o * s for o, s in zip(start, step)) / squared
    depth = middle * middle - (sum(o * o for o in start) - 1.0) / squared
    half = np.sqrt(np.maximum(depth, 0.0))
    return np.where(depth >= 0, middle - half, np.inf), np.where(depth >= 0, middle + half, -np.inf)


def incidence(table: SolidTable, index: NDArray[np.int64], hits: FloatArray,
              directions: FloatArray) -> Incidence:
    """Angle and window pattern at M hits.

    Args:
        index: ``[M]`` solid that each ray hits.
        hits, directions: ``[M, 3]`` world coordinates in metres, and unit vectors.
    """
    axes, half_size = table.axes[index], table.half_size[index]
    local = np.einsum('mjk,mj->mk', axes, hits - table.center[index])
    local_direction = np.einsum('mjk,mj->mk', axes, directions)
    unit = local / half_size
    shape = table.shape[index]
    nearest_face = np.argmax(np.abs(unit), axis=1)
    face_normal = np.eye(3)[nearest_face]
    on_side = np.abs(unit[:, 2]) < np.hypot(unit[:, 0], unit[:, 1])
    tube_normal = np.where(on_side[:, None], unit * (1.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    normal = np.where((shape == SHAPES.index('box'))[:, None], face_normal,
                      np.where((shape == SHAPES.index('cylinder'))[:, None], tube_normal, unit))
    normal = normal / half_size
    norm = np.maximum(np.linalg.norm(normal, axis=1), _PARALLEL)
    cosine = np.abs(np.sum(normal * local_direction, axis=1)) / norm

    along = np.where(nearest_face == 0, local[:, 1], local[:, 0])
    # Windows repeat every 2.4 m along a facade and every 3 m up it, counted from the solid's foot.
    up = (local[:, 2] + half_size[:, 2]) % 3.0
    on_glass = ((along % 2.4 < 2.4 * table.glass[index]) & (up > 0.9) & (up < 2.3)
                & (nearest_face != 2))
    return Incidence(np.minimum(cosine, 1.0), on_glass)
