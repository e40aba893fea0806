"""The ground of an endless procedural street: where it bends, rises, and what it is made of.

A street is cut into blocks of ``BLOCK_LENGTH`` metres. Each block is a pure function of
(seed, sequence, block), so any stretch can be built without building what comes before it.
Places along the street are given as ``along`` (world x, metres) and ``lateral`` (metres left of
the centre line).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lidar_sensor import Surface
from .solids import FloatArray

ROAD, PARKING, SIDEWALK, TERRAIN, LANE_MARKING = 40, 44, 48, 72, 60
BLOCK_LENGTH = 24.0
# Remission at normal incidence; the spread between places makes the classes overlap.
_REMISSION = {ROAD: (0.56, 0.07), PARKING: (0.67, 0.08), SIDEWALK: (0.63, 0.08),
              TERRAIN: (0.50, 0.06)}
_STREAMS = ('style', 'block', 'objects', 'scan')
_BLOCK_OFFSET = 1 << 20  # SeedSequence takes no negative numbers, and blocks behind x=0 have them


def seeded_generator(stream: str, seed: int, sequence: int, index: int = 0) -> np.random.Generator:
    """Generator that depends on its arguments only, never on the order of calls."""
    entropy = [seed, sequence, _STREAMS.index(stream), index + _BLOCK_OFFSET]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


@dataclass(frozen=True)
class StreetStyle:
    """What the blocks of one street have in common. Lengths in metres, chances 0..1."""

    road_half_width: float
    urbanity: float
    greenery: float
    parking: float
    sidewalk: float
    parked_cars: float
    trucks: float
    bends: FloatArray  # [2, 3]: amplitude, wave number, phase
    hills: FloatArray  # [3, 4]: amplitude, wave numbers in x and y, phase
    remission_shift: FloatArray  # [4], standard normal, one per ground material

    @classmethod
    def sample(cls, seed: int, sequence: int) -> 'StreetStyle':
        rng = seeded_generator('style', seed, sequence)
        wavelength = rng.uniform(90, 260, 2)
        # A bend of amplitude a and wavelength w turns the street by 2 pi a / w radians.
        bends = np.stack([rng.uniform(0.02, 0.16, 2) * wavelength / (2 * np.pi),
                          2 * np.pi / wavelength, rng.uniform(0, 2 * np.pi, 2)], axis=1)
        hill_length, hill_direction = rng.uniform(35, 160, 3), rng.uniform(0, np.pi, 3)
        hills = np.stack([rng.uniform(0.002, 0.02, 3) * hill_length / (2 * np.pi),
                          2 * np.pi / hill_length * np.cos(hill_direction),
                          2 * np.pi / hill_length * np.sin(hill_direction),
                          rng.uniform(0, 2 * np.pi, 3)], axis=1)
        return cls(road_half_width=rng.uniform(3.0, 5.5), urbanity=rng.uniform(0.1, 0.8),
                   greenery=rng.uniform(0.4, 1.0), parking=rng.uniform(0.15, 0.55),
                   sidewalk=rng.uniform(0.65, 1.0), parked_cars=rng.uniform(0.3, 0.65),
                   trucks=rng.uniform(0.06, 0.22), bends=bends, hills=hills,
                   remission_shift=rng.normal(0, 0.7, 4))


@dataclass(frozen=True)
class SidePlan:
    """Cross-section of one side of one block, from the road outwards; widths in metres."""

    parking: float
    verge: float
    sidewalk: float
    setback: float
    curb: float
    yard: int  # raw label of the ground behind the sidewalk
    built: bool
    border: str  # 'hedge', 'fence', 'wall' or 'open'


@dataclass(frozen=True)
class BlockPlan:
    """One block: right and left side (in this order), a side street or none, bank of the yards."""

    sides: tuple[SidePlan, SidePlan]
    crossing_half_width: float  # 0 where no side street leaves
    bank: tuple[float, float]  # metres of rise per metre of distance, at the block's start
    remission_shift: FloatArray  # [4], standard normal, one per ground material

    @classmethod
    def sample(cls, style: StreetStyle, seed: int, sequence: int, block: int) -> 'BlockPlan':
        rng = seeded_generator('block', seed, sequence, block)
        crossing = rng.uniform(2.5, 4.5) if rng.random() < 0.18 else 0.0
        right, left = (cls._sample_side(style, rng, built=crossing == 0) for _ in range(2))
        bank = rng.normal(0.01, 0.05, 2)
        return cls((right, left), crossing, (bank[0], bank[1]), rng.normal(0, 0.7, 4))

    @staticmethod
    def _sample_side(style: StreetStyle, rng: np.random.Generator, built: bool) -> SidePlan:
        urbanity = float(np.clip(style.urbanity + rng.normal(0, 0.15), 0, 1))
        parking = rng.uniform(1.9, 2.4) if rng.random() < style.parking else 0.0
        verge = rng.uniform(0.8, 3.5) if rng.random() < 0.65 * style.greenery else 0.0
        sidewalk = rng.uniform(1.4, 4.0) if rng.random() < style.sidewalk else 0.0
        has_building = built and rng.random() < 0.2 + 0.5 * urbanity
        setback = rng.uniform(0, 2) if rng.random() < 0.8 * urbanity else rng.uniform(3, 11)
        if not has_building:
            setback = rng.uniform(12, 25)
        pick = rng.random()
        if has_building and setback < 1.5:
            yard = SIDEWALK
        else:
            yard = TERRAIN if pick < 0.8 else PARKING if pick < 0.92 else SIDEWALK
        border = 'open'
        if setback > 1.5:
            chances = [0.32, 0.26, 0.12, 0.30] if yard == TERRAIN else [0.1, 0.2, 0.05, 0.65]
            border = str(rng.choice(['hedge', 'fence', 'wall', 'open'], p=chances))
        # Lowered curbs leave only material and place to tell a sidewalk from the road.
        curb = rng.uniform(0.0, 0.03) if rng.random() < 0.25 else rng.uniform(0.04, 0.14)
        return SidePlan(parking, verge, sidewalk, setback, curb, yard, has_building, border)


class StreetGround:
    """Height field and surface of the stretch ``start <= along <= stop`` of one street.

    Implements :class:`erda.synthetic.lidar_sensor.Ground`. Places outside the stretch continue
    its first or last block.
    """

    def __init__(self, seed: int, sequence: int, start: float, stop: float) -> None:
        self.style = StreetStyle.sample(seed, sequence)
        self.first_block = int(np.floor(start / BLOCK_LENGTH))
        last_block = int(np.floor(stop / BLOCK_LENGTH))
        # One block more, because banks are interpolated towards the next one.
        self.plans = [BlockPlan.sample(self.style, seed, sequence, block)
                      for block in range(self.first_block, last_block + 2)]
        half = self.style.road_half_width
        widths = np.array([[[half, side.parking, side.verge, side.sidewalk]
                            for side in plan.sides] for plan in self.plans])
        self._edges = np.cumsum(widths, axis=-1)  # [blocks, sides, 4 outer edges]
        self._zone_labels = np.array([[[ROAD, PARKING, TERRAIN, SIDEWALK, side.yard]
                                       for side in plan.sides] for plan in self.plans])
        self._curb = np.array([[side.curb for side in plan.sides] for plan in self.plans])
        self._bank = np.array([plan.bank for plan in self.plans])
        self._crossing = np.array([plan.crossing_half_width for plan in self.plans])
        self._remission = np.array([
            [mean + spread * shift for (mean, spread), shift in zip(
                _REMISSION.values(), (self.style.remission_shift + plan.remission_shift))]
            for plan in self.plans])

    def center_line(self, along: FloatArray | float) -> FloatArray:
        """World y of the street's centre."""
        return sum(a * np.sin(k * along + phase) for a, k, phase in self.style.bends)

    def heading(self, along: FloatArray | float) -> FloatArray:
        """Direction of the street, radians."""
        return np.arctan(self._tangent(along))

    def _tangent(self, along: FloatArray | float) -> FloatArray:
        return sum(a * k * np.cos(k * along + phase) for a, k, phase in self.style.bends)

    def to_world(self, along: float, lateral: float) -> tuple[float, float]:
        """World x and y of a place given along and across the street."""
        heading = float(self.heading(along))
        return (along - lateral * np.sin(heading),
                float(self.center_line(along)) + lateral * np.cos(heading))

    def outer_edges(self, block: int, side: int) -> FloatArray:
        """Distance from the centre line at which road, parking, verge and sidewalk end, ``[4]``."""
        return self._edges[block - self.first_block, side]

    def _locate(self, x: FloatArray, y: FloatArray) -> tuple[NDArray, NDArray, FloatArray,
                                                             FloatArray, FloatArray]:
        """Block row, side, |lateral|, share of the block passed, metres from a side street."""
        tangent = self._tangent(x)
        lateral = (y - self.center_line(x)) / np.sqrt(1.0 + tangent * tangent)
        block = np.clip(np.floor(x / BLOCK_LENGTH).astype(np.int64), self.first_block,
                        self.first_block + len(self.plans) - 2)
        row, share = block - self.first_block, np.clip(x / BLOCK_LENGTH - block, 0.0, 1.0)
        width = self._crossing[row]
        aside = np.where(width > 0, np.abs(share - 0.5) * BLOCK_LENGTH - width, np.inf)
        return row, (lateral > 0).astype(np.int64), np.abs(lateral), share, aside

    def height(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """World z of the ground, metres."""
        row, side, distance, share, aside = self._locate(x, y)
        hills = sum(a * np.sin(kx * x + ky * y + phase) for a, kx, ky, phase in self.style.hills)
        edges = self._edges[row, side]
        curb = np.where((distance > edges[..., 1]) & (aside > 0), self._curb[row, side], 0.0)
        bank = (1 - share) * self._bank[row, side] + share * self._bank[row + 1, side]
        behind = np.clip(distance - edges[..., 3], 0.0, 15.0)
        return hills + curb + bank * behind * np.clip(aside / 6.0, 0.0, 1.0)

    def surface(self, x: FloatArray, y: FloatArray) -> Surface:
        """Label, remission and grass of M places."""
        row, side, distance, share, aside = self._locate(x, y)
        zone = np.count_nonzero(distance[..., None] > self._edges[row, side], axis=-1)
        # Sidewalks and parking turn the corner into a side street as a plain sidewalk.
        zone = np.where((aside > 0) & (aside < 2.0) & (zone > 0), 3, zone)
        zone = np.where(aside <= 0, 0, zone)
        label = self._zone_labels[row, side, zone]
        material = np.searchsorted(list(_REMISSION), label)
        # Patches of repair, dirt and moss: slow waves that no label follows.
        stain = np.sin(0.9 * x + 1.7 * np.sin(0.31 * y)) * np.sin(1.1 * y + 1.3 * np.sin(0.23 * x))
        remission = self._remission[row, material] + 0.05 * stain
        painted = ((zone == 0) & (distance < 0.08) & (np.mod(x, 6.0) < 3.0)
                   & (self.style.road_half_width > 3.5) & (aside > 0))
        label = np.where(painted, LANE_MARKING, label)
        remission = np.where(painted, 0.95, remission)
        grass = np.where(label == TERRAIN, 0.05, 0.0)
        return Surface(label.astype(np.uint32), np.clip(remission, 0.1, 1.0), grass)
