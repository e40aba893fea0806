"""What a scanner makes of a room: occlusion, holes, noise and light."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .room_surfaces import (
    WALL,
    Cover,
    FloatArray,
    IntArray,
    SurfacePoints,
    Thing,
    face_areas,
    inside,
    sample_surfaces,
)

POINTS_PER_ROOM = (40_000, 80_000)
_DENSITY = (350.0, 550.0)  # points per square metre, unless that makes too few or too many points
_HOLES_BELOW = 1.5  # metres
_NOISE = 0.003  # metres
_NOISE_LIMIT = 0.012  # so that every point stays in a box that is known


class RoomScan(NamedTuple):
    """Points ``[N, 6]`` float32 (x, y, z in metres, r, g, b 0..255), class and instance ids ``[N]`` int64.

    Instances are numbered from 1 without a gap and have one class each.
    """

    points: np.ndarray
    semantic_mask: IntArray
    instance_mask: IntArray


def scan_room(rng: np.random.Generator, things: Sequence[Thing], covers: Sequence[Cover]) -> RoomScan:
    """Scan a room; like S3DIS's converter it shifts the points so that each coordinate starts at zero."""
    area = face_areas(things).sum()
    low, high = POINTS_PER_ROOM
    density = float(np.clip(rng.uniform(*_DENSITY), 1.25 * low / area, high / area))
    seen = sample_surfaces(rng, things, density)
    seen = seen.select(_visible(rng, seen, covers))
    color = _lit_color(rng, seen)
    xyz = seen.xyz + np.clip(rng.normal(0, _NOISE, seen.xyz.shape), -_NOISE_LIMIT, _NOISE_LIMIT)
    points = np.concatenate([xyz - xyz.min(axis=0), color], axis=1).astype(np.float32)
    _, instance = np.unique(seen.instance, return_inverse=True)
    return RoomScan(points, seen.label, instance.astype(np.int64) + 1)


def _visible(rng: np.random.Generator, seen: SurfacePoints, covers: Sequence[Cover]) -> np.ndarray:
    """Mask ``[N]`` of the points left by what stands in front of the shell and by holes of the scan."""
    chance = np.ones(len(seen.label))
    shell = np.flatnonzero(seen.label <= WALL)
    for cover in covers:
        chance[shell[inside(cover, seen.xyz[shell])]] *= cover.keep
    # Holes lie low, where furniture shadows the scanner.
    centers = seen.xyz[rng.choice(np.flatnonzero(seen.xyz[:, 2] < _HOLES_BELOW), 24)]
    for center, radius, keep in zip(centers, rng.uniform(0.1, 0.35, 24), rng.uniform(0.0, 0.5, 24)):
        hidden = np.flatnonzero(np.abs(seen.xyz[:, 0] - center[0]) < radius)
        hidden = hidden[np.sum((seen.xyz[hidden] - center) ** 2, axis=1) < radius * radius]
        chance[hidden] *= keep
    return rng.random(len(chance)) < chance


def _lit_color(rng: np.random.Generator, seen: SurfacePoints) -> FloatArray:
    """Colors ``[N, 3]`` of materials under the room's light, whole numbers 0..255."""
    extent = np.ptp(seen.xyz, axis=0)
    middle = seen.xyz.min(axis=0) + extent / 2
    gradient = rng.normal(0, 0.10, 3) / extent
    lamp = middle + rng.uniform(-0.5, 0.5, 3) * extent
    to_light = rng.normal(0, 1, 3) + (0, 0, 1.0)
    to_light /= np.linalg.norm(to_light)
    light = (rng.uniform(0.72, 1.05) + 2 * (seen.xyz - middle) @ gradient + 0.10 * (seen.normal @ to_light)
             + rng.uniform(0, 0.35) * np.exp(-np.sum((seen.xyz - lamp) ** 2, axis=1) / 4.0))
    # Stains and grain: waves that no label follows.
    waves = rng.uniform(2.0, 9.0, (2, 3)) * rng.choice([-1.0, 1.0], (2, 3))
    stain = np.sin(seen.xyz @ waves[0] + 2 * np.sin(seen.xyz @ waves[1]))
    material = seen.color + rng.uniform(2, 9) * stain[:, None]
    color = material * light[:, None] * rng.normal(1.0, 0.04, 3)
    # Most of the noise is common to the three channels, as it is in a photograph.
    color += rng.normal(0, 8, (len(color), 1)) + rng.normal(0, 4, color.shape)
    return np.clip(np.rint(color), 0, 255)
