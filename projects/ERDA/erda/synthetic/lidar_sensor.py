"""A spinning multi-beam LiDAR: which surface each ray meets first, and what the sensor reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .solids import FloatArray, Solid, SolidTable, incidence, ray_interval, stack_solids

UNLABELED, OUTLIER = 0, 1
NO_HIT, GROUND_HIT = -2, -1


@dataclass(frozen=True)
class LidarSensor:
    """Geometry and errors of the sensor.

    Args:
        beams: number of lasers; the upper half of them shares a third of the field of view, for
            the sake of far objects, as on most automotive sensors.
        azimuth_steps: firings per turn.
        elevation_deg: lowest and highest beam, degrees above the horizon.
        height: metres above the road.
        min_range, max_range: metres; returns outside are lost.
        range_noise: standard deviation of the range, metres.
        dropout: share of returns lost for no visible reason; weak echoes are lost more often.
        outliers: share of rays that return from nothing (dust, birds), raw label 1.
    Raises: ValueError where a value makes no scan possible.
    """

    beams: int = 32
    azimuth_steps: int = 1000
    elevation_deg: tuple[float, float] = (-25.0, 4.0)
    height: float = 1.73
    min_range: float = 1.5
    max_range: float = 50.0
    range_noise: float = 0.02
    dropout: float = 0.03
    outliers: float = 0.0005

    def __post_init__(self) -> None:
        if self.beams < 1 or self.azimuth_steps < 1:
            raise ValueError(f'beams and azimuth_steps must be at least 1, got {self.beams} and '
                             f'{self.azimuth_steps}')
        low, high = self.elevation_deg
        if not -90 < low <= high < 90:
            raise ValueError('elevation_deg must be (low, high) with -90 < low <= high < 90, got '
                             f'{self.elevation_deg}')
        if self.height <= 0 or not 0 < self.min_range < self.max_range:
            raise ValueError('need height > 0 and 0 < min_range < max_range, got height='
                             f'{self.height}, range {self.min_range} to {self.max_range}')
        if self.range_noise < 0 or not 0 <= self.dropout < 1 or not 0 <= self.outliers < 1:
            raise ValueError('need range_noise >= 0, dropout and outliers in [0, 1), got '
                             f'{self.range_noise}, {self.dropout}, {self.outliers}')


class Surface(NamedTuple):
    """What the ground is at some places: raw label, remission, height of grass in metres."""

    label: NDArray[np.uint32]
    remission: FloatArray
    grass: FloatArray


class Ground(Protocol):
    """A height field with labels; x and y are world metres, arrays of one shape."""

    def height(self, x: FloatArray, y: FloatArray) -> FloatArray: ...

    def surface(self, x: FloatArray, y: FloatArray) -> Surface: ...


class SyntheticScan(NamedTuple):
    """Points ``[N, 4]`` float32 (x, y, z in metres, remission 0..1) and raw ids ``[N]`` uint32."""

    points: NDArray[np.float32]
    labels: NDArray[np.uint32]


class RayHits(NamedTuple):
    """First hit of each ray, ``[azimuth_steps, beams]``; ``solid`` is an index or a constant."""

    directions: tuple[FloatArray, FloatArray, FloatArray]
    ranges: FloatArray
    solid: NDArray[np.int64]


def scan_scene(sensor: LidarSensor, origin: FloatArray, heading: float, ground: Ground,
               solids: Sequence[Solid], rng: np.random.Generator) -> SyntheticScan:
    """One turn of the sensor.

    Args:
        origin: ``[3]`` position of the sensor in the world, metres.
        heading: direction of its x axis in the world, radians.
    Returns: the scan in the sensor's own frame: x forward, y left, z up.
    """
    table = stack_solids(solids)
    hits = cast_rays(sensor, origin, heading, ground, table, rng)
    return _measure(sensor, origin, heading, ground, table, hits, rng)


def cast_rays(sensor: LidarSensor, origin: FloatArray, heading: float, ground: Ground,
              table: SolidTable, rng: np.random.Generator) -> RayHits:
    """Nearest hit of every ray, before noise; rays without one have range ``inf``."""
    azimuth_step = 2 * np.pi / sensor.azimuth_steps
    first_azimuth = heading + rng.uniform(0, azimuth_step)
    azimuth = first_azimuth + azimuth_step * np.arange(sensor.azimuth_steps)
    elevation = np.radians(_beam_elevations(sensor))
    directions = (np.cos(azimuth)[:, None] * np.cos(elevation),
                  np.sin(azimuth)[:, None] * np.cos(elevation),
                  np.broadcast_to(np.sin(elevation), (len(azimuth), len(elevation))))

    ranges = _ground_ranges(sensor, origin, azimuth, elevation, ground)
    solid = np.where(np.isfinite(ranges), GROUND_HIT, NO_HIT)
    for index in range(len(table.label)):
        window = _visible_window(sensor, origin, first_azimuth, elevation, table, index)
        if window is None:
            continue
        columns, rows = window
        x, y, z = (direction[columns, rows] for direction in directions)
        near, far = ray_interval(table, index, origin, (x, y, z))
        entry = np.maximum(near, 0.0)
        if table.mean_free_path[index] > 0:
            entry = entry + rng.exponential(table.mean_free_path[index], entry.shape)
        closest = ranges[columns, rows]
        nearer = (entry <= far) & (entry < closest)
        ranges[columns, rows] = np.where(nearer, entry, closest)
        solid[columns, rows] = np.where(nearer, index, solid[columns, rows])
    return RayHits(directions, ranges, solid)


def _beam_elevations(sensor: LidarSensor) -> FloatArray:
    low, high = sensor.elevation_deg
    return np.interp(np.linspace(0, 1, sensor.beams), [0, 0.5, 1],
                     [low, high - (high - low) / 3, high])


def _ground_ranges(sensor: LidarSensor, origin: FloatArray, azimuth: FloatArray,
                   elevation: FloatArray, ground: Ground) -> FloatArray:
    """Range at which each ray first meets the height field, ``[azimuth_steps, beams]``."""
    # Geometric steps of 1.8%: 7 cm where the lowest beam meets the road, 90 cm at 50 m.
    steps = int(np.ceil(np.log(sensor.max_range / (0.5 * sensor.min_range)) / 0.018)) + 1
    distance = np.geomspace(0.5 * sensor.min_range, sensor.max_range, steps)
    x = origin[0] + np.cos(azimuth)[:, None] * distance
    y = origin[1] + np.sin(azimuth)[:, None] * distance
    slope = (ground.height(x, y) - origin[2]) / distance
    # What a ray of tangent T meets first is where the steepest line of sight so far reaches T.
    horizon = np.maximum.accumulate(slope, axis=1)
    ranges = np.full((len(azimuth), len(elevation)), np.inf)
    row = np.arange(len(azimuth))
    for beam, angle in enumerate(elevation):
        tangent = np.tan(angle)
        cell = np.count_nonzero(horizon < tangent, axis=1)
        met = cell < steps
        cell = np.clip(cell, 1, steps - 1)
        # Heights are linear between samples, so the crossing is where h - z(ray) is zero.
        above_0 = distance[cell - 1] * (tangent - slope[row, cell - 1])
        above_1 = distance[cell] * (slope[row, cell] - tangent)
        share = np.clip(above_0 / np.maximum(above_0 + above_1, 1e-9), 0.0, 1.0)
        flat = distance[cell - 1] + share * (distance[cell] - distance[cell - 1])
        ranges[:, beam] = np.where(met, flat / np.cos(angle), np.inf)
    return ranges


def _visible_window(sensor: LidarSensor, origin: FloatArray, first_azimuth: float,
                    elevation: FloatArray, table: SolidTable, index: int,
                    ) -> tuple[NDArray[np.int64], slice] | None:
    """Columns and rows of rays that can meet a solid, from its bounding upright cylinder."""
    extent = np.abs(table.axes[index]) @ table.half_size[index]
    radius = float(np.hypot(extent[0], extent[1]))
    dx, dy, dz = table.center[index] - origin
    distance = float(np.hypot(dx, dy))
    if distance - radius > sensor.max_range:
        return None
    if distance <= radius * 1.01:
        return np.arange(sensor.azimuth_steps), slice(0, sensor.beams)
    closest, farthest = distance - radius, distance + radius
    bottom, top = dz - extent[2], dz + extent[2]
    low = np.arctan2(bottom, closest if bottom < 0 else farthest)
    high = np.arctan2(top, closest if top > 0 else farthest)
    rows = slice(int(np.searchsorted(elevation, low)), int(np.searchsorted(elevation, high)))
    half_angle = np.arcsin(radius / distance)
    middle = np.arctan2(dy, dx) - first_azimuth
    azimuth_step = 2 * np.pi / sensor.azimuth_steps
    first = int(np.ceil((middle - half_angle) / azimuth_step))
    last = int(np.floor((middle + half_angle) / azimuth_step))
    if rows.start >= rows.stop or first > last:
        return None
    return np.arange(first, last + 1) % sensor.azimuth_steps, rows


def _measure(sensor: LidarSensor, origin: FloatArray, heading: float, ground: Ground,
             table: SolidTable, hits: RayHits, rng: np.random.Generator) -> SyntheticScan:
    """Labels, remission, noise, drop-out and rounding of the first hits."""
    ranges, labels = _mix_edges(hits, rng)
    hit = np.isfinite(ranges)
    ranges, mixed = ranges[hit], labels[hit]
    directions = np.stack([d[hit] for d in hits.directions], axis=1)
    solid = hits.solid[hit]
    places = origin + directions * ranges[:, None]

    on_ground = solid == GROUND_HIT
    surface = ground.surface(places[on_ground, 0], places[on_ground, 1])
    cosine = np.empty(len(ranges))
    albedo, texture = np.empty(len(ranges)), np.full(len(ranges), 0.06)
    label = np.empty(len(ranges), dtype=np.uint32)
    label[on_ground], albedo[on_ground] = surface.label, surface.remission
    cosine[on_ground] = np.abs(directions[on_ground, 2])
    # Blades of grass face anywhere, and stop a flat ray before it reaches the soil.
    grass = surface.grass > 0
    blades = np.flatnonzero(on_ground)[grass]
    tips = np.abs(rng.normal(0, 1, len(blades))) * surface.grass[grass]
    ranges[blades] -= np.minimum(tips / np.maximum(cosine[blades], 0.01), 0.06 * ranges[blades])
    cosine[blades] = rng.uniform(0.3, 1.0, len(blades))

    index = solid[~on_ground]
    meeting = incidence(table, index, places[~on_ground], directions[~on_ground])
    leafy = (table.mean_free_path[index] > 0) & (table.shape[index] != 0)
    cosine[~on_ground] = np.where(leafy, rng.uniform(0.3, 1.0, len(index)), meeting.cosine)
    label[~on_ground] = table.label[index]
    albedo[~on_ground] = table.remission[index] * np.where(meeting.on_glass, 0.15, 1.0)
    texture[~on_ground] = table.texture[index]
    label[mixed] = UNLABELED

    outlier = rng.random(len(ranges)) < sensor.outliers
    ranges = np.where(outlier, ranges * rng.uniform(0.1, 0.9, len(ranges)), ranges)
    label[outlier] = OUTLIER

    falloff = np.sqrt(cosine) * np.exp(-ranges / 60.0)
    echo = np.maximum((albedo + texture * rng.normal(0, 1, len(ranges))) * falloff, 0.0)
    lost = sensor.dropout + 0.7 * np.exp(-echo / 0.03) + 0.15 * (ranges / sensor.max_range) ** 2
    ranges = ranges + rng.normal(0, sensor.range_noise, len(ranges))
    # Rounding to a millimetre comes later and must not push a point over the limit.
    kept = ((rng.random(len(ranges)) >= lost) & (ranges >= sensor.min_range)
            & (ranges <= sensor.max_range - 0.002))

    x, y, z = (directions[kept] * ranges[kept, None]).T
    cos_heading, sin_heading = np.cos(heading), np.sin(heading)
    coordinates = np.stack([cos_heading * x + sin_heading * y,
                            cos_heading * y - sin_heading * x, z], axis=1)
    remission = np.clip(echo[kept] + rng.normal(0, 0.01, len(x)), 0.0, 1.0)
    points = np.concatenate([np.round(coordinates, 3), np.round(remission, 2)[:, None]], axis=1)
    return SyntheticScan(points.astype(np.float32), label[kept])


def _mix_edges(hits: RayHits, rng: np.random.Generator,
               ) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Beams are not lines: at an edge some returns lie between the near and the far surface."""
    next_range = np.roll(hits.ranges, -1, axis=0)
    gap = np.where(np.isfinite(hits.ranges) & np.isfinite(next_range),
                   next_range - np.where(np.isfinite(hits.ranges), hits.ranges, 0.0), 0.0)
    mixed = (np.abs(gap) > 0.5) & (np.abs(gap) < 4.0) & (rng.random(gap.shape) < 0.08)
    share = rng.uniform(0.1, 0.9, gap.shape)
    return np.where(mixed, hits.ranges + share * gap, hits.ranges), mixed
