"""Rooms as boxes and upright cylinders, and points spread evenly over the faces that can be seen."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Triple = tuple[float, float, float]
# S3DIS's classes in the order of its labels 0..12.
CLASSES = ('ceiling', 'floor', 'wall', 'beam', 'column', 'window', 'door', 'table', 'chair', 'sofa', 'bookcase',
           'board', 'clutter')
CEILING, FLOOR, WALL, BEAM, COLUMN, WINDOW, DOOR, TABLE, CHAIR, SOFA, BOOKCASE, BOARD, CLUTTER = range(len(CLASSES))
# Shares of the faces -x, +x, -y, +y, -z, +z that a scanner sees; a scanner looks down on most undersides.
EXPOSED = (1.0, 1.0, 1.0, 1.0, 0.25, 1.0)


class Part(NamedTuple):
    """One box or upright cylinder; lengths in metres, yaw about z in radians.

    A half size may be zero, which leaves a plate. ``faces`` holds the share of the points kept on -x, +x, -y, +y, -z
    and +z, in the part's own axes. ``round`` makes an elliptic cylinder along z.
    """

    center: Triple
    half_size: Triple
    label: int
    color: Triple
    yaw: float = 0.0
    round: bool = False
    faces: tuple[float, float, float, float, float, float] = EXPOSED

    def moved(self, x: float, y: float, z: float, yaw: float) -> 'Part':
        """The part turned by ``yaw`` about the origin, then shifted."""
        cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
        own_x, own_y, own_z = self.center
        center = (x + cos_yaw * own_x - sin_yaw * own_y, y + sin_yaw * own_x + cos_yaw * own_y, z + own_z)
        return self._replace(center=center, yaw=self.yaw + yaw)


Thing = list[Part]  # parts of one label that make one instance


class Cover(NamedTuple):
    """Upright box that keeps the scanner from seeing floor, walls and ceiling inside it, but for a share ``keep``."""

    center: Triple
    half_size: Triple
    yaw: float = 0.0
    keep: float = 0.0


class SurfacePoints(NamedTuple):
    """N points: position and color ``[N, 3]`` in metres and 0..255, unit normal ``[N, 3]``, ids ``[N]``."""

    xyz: FloatArray
    normal: FloatArray
    color: FloatArray
    label: IntArray
    instance: IntArray

    def select(self, mask: NDArray[np.bool_]) -> 'SurfacePoints':
        return SurfacePoints._make(values[mask] for values in self)


def face_areas(things: Sequence[Thing]) -> FloatArray:
    """Seen area of the six faces of every part, ``[P, 6]`` in square metres, parts in the order of their things."""
    parts = [part for thing in things for part in thing]
    size = 2 * np.array([part.half_size for part in parts])
    sides = np.stack([size[:, 1] * size[:, 2], size[:, 0] * size[:, 2], size[:, 0] * size[:, 1]], axis=1)
    # An upright cylinder has pi/4 of the faces of the box around it, on top as well as around.
    sides *= np.where([part.round for part in parts], math.pi / 4, 1.0)[:, None]
    return np.repeat(sides, 2, axis=1) * np.array([part.faces for part in parts])


def sample_surfaces(rng: np.random.Generator, things: Sequence[Thing], density: float) -> SurfacePoints:
    """Points at random places of all faces, ``density`` per square metre on average; instance i+1 is ``things[i]``."""
    parts = [part for thing in things for part in thing]
    instance = np.repeat(np.arange(len(things)), [len(thing) for thing in things]) + 1
    counts = rng.poisson(density * face_areas(things).ravel())
    row, face = np.divmod(np.repeat(np.arange(6 * len(parts)), counts), 6)
    axis, sign = face // 2, 2.0 * (face % 2) - 1.0

    every = np.arange(len(row))
    unit = rng.uniform(-1.0, 1.0, (len(row), 3))
    unit[every, axis] = sign
    normal = np.zeros_like(unit)
    normal[every, axis] = sign
    _bend(unit, normal, np.flatnonzero(np.array([part.round for part in parts])[row]), axis, face)

    yaw = np.array([part.yaw for part in parts])
    half_size = np.array([part.half_size for part in parts])
    center = np.array([part.center for part in parts])
    cos_yaw, sin_yaw = np.cos(yaw)[row], np.sin(yaw)[row]
    return SurfacePoints(
        xyz=_turned(unit * half_size[row], cos_yaw, sin_yaw) + center[row],
        normal=_turned(normal, cos_yaw, sin_yaw),
        color=np.array([part.color for part in parts], dtype=np.float64)[row],
        label=np.array([part.label for part in parts], dtype=np.int64)[row],
        instance=instance[row])


def _bend(unit: FloatArray, normal: FloatArray, rows: IntArray, axis: IntArray, face: IntArray) -> None:
    """Move the points ``rows`` from the faces of the unit cube to those of the unit cylinder, in place."""
    side = rows[axis[rows] < 2]
    angle = (face[side] + 0.5 * (unit[side, 1 - axis[side]] + 1.0)) * (math.pi / 2)
    unit[side, 0], unit[side, 1] = np.cos(angle), np.sin(angle)
    normal[side, :2] = unit[side, :2]
    flat = rows[axis[rows] == 2]
    radius, angle = np.sqrt(0.5 * (unit[flat, 0] + 1.0)), math.pi * unit[flat, 1]
    unit[flat, 0], unit[flat, 1] = radius * np.cos(angle), radius * np.sin(angle)


def _turned(vectors: FloatArray, cos_yaw: FloatArray, sin_yaw: FloatArray) -> FloatArray:
    x, y = vectors[:, 0], vectors[:, 1]
    return np.stack([cos_yaw * x - sin_yaw * y, sin_yaw * x + cos_yaw * y, vectors[:, 2]], axis=1)


def inside(cover: Cover, xyz: FloatArray) -> IntArray:
    """Indices of the points ``[M, 3]`` inside the cover."""
    reach = math.hypot(*cover.half_size[:2])
    near = np.flatnonzero((np.abs(xyz[:, 0] - cover.center[0]) <= reach)
                          & (np.abs(xyz[:, 1] - cover.center[1]) <= reach)
                          & (np.abs(xyz[:, 2] - cover.center[2]) <= cover.half_size[2]))
    offset = xyz[near] - cover.center
    cos_yaw, sin_yaw = math.cos(cover.yaw), math.sin(cover.yaw)
    along = cos_yaw * offset[:, 0] + sin_yaw * offset[:, 1]
    across = cos_yaw * offset[:, 1] - sin_yaw * offset[:, 0]
    return near[(np.abs(along) <= cover.half_size[0]) & (np.abs(across) <= cover.half_size[1])]
