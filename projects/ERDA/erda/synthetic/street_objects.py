"""Things that stand on a street, each a few solids of random size and material.

Sizes and remissions of neighbouring classes overlap on purpose (van and truck, trunk and pole,
hedge and fence): a network has to read the surroundings, not one threshold.
"""

from typing import NamedTuple

import numpy as np

from .solids import Solid

CAR, BICYCLE, TRUCK, PERSON, BICYCLIST = 10, 11, 18, 30, 31
BUILDING, FENCE, OTHER_STRUCTURE = 50, 51, 52
VEGETATION, TRUNK, POLE, TRAFFIC_SIGN, OTHER_OBJECT = 70, 71, 80, 81, 99


class Place(NamedTuple):
    """A spot on the ground and a direction: world metres and radians."""

    x: float
    y: float
    z: float
    yaw: float

    def offset(self, forward: float, left: float, up: float) -> tuple[float, float, float]:
        """World coordinates of a point given in the place's own frame."""
        cos_yaw, sin_yaw = np.cos(self.yaw), np.sin(self.yaw)
        return (self.x + forward * cos_yaw - left * sin_yaw,
                self.y + forward * sin_yaw + left * cos_yaw, self.z + up)


def _material(rng: np.random.Generator, mean: float, spread: float) -> float:
    return float(np.clip(rng.normal(mean, spread), 0.03, 1.3))


def _box(place: Place, forward: float, left: float, bottom: float, size: tuple, label: int,
         remission: float, **details: float) -> Solid:
    """Box of full size (length, width, height) whose underside is ``bottom`` above the place."""
    length, width, height = size
    return Solid('box', place.offset(forward, left, bottom + height / 2),
                 (length / 2, width / 2, height / 2), label, remission, yaw=place.yaw, **details)


def car(rng: np.random.Generator, place: Place) -> list[Solid]:
    """Sedan, estate or (one in six) a van, as in SemanticKITTI's class "car"."""
    paint = float(rng.beta(0.8, 3.0)) + 0.02
    if rng.random() < 0.17:
        return _van_body(rng, place, CAR, (rng.uniform(4.5, 5.6), rng.uniform(1.8, 2.0),
                                           rng.uniform(1.8, 2.3)), paint + 0.05)
    length, width = rng.uniform(3.5, 4.9), rng.uniform(1.6, 1.9)
    height, waist = rng.uniform(1.38, 1.7), rng.uniform(0.8, 0.95)
    cabin = length * rng.uniform(0.45, 0.68)
    return [
        _box(place, 0, 0, 0.2, (length, width, waist - 0.2), CAR, paint, texture=0.1),
        _box(place, -rng.uniform(0.02, 0.1) * length, 0, waist, (cabin, width * 0.86, 0.12),
             CAR, paint, texture=0.1),
        Solid('ellipsoid', place.offset(-0.06 * length, 0, waist),
              (cabin / 2, width * 0.43, height - waist), CAR, paint * 0.6, yaw=place.yaw,
              texture=0.15),
        *_axles(place, CAR, length, width)]


def truck(rng: np.random.Generator, place: Place) -> list[Solid]:
    """Delivery van to lorry; the smallest are no larger than a car's van."""
    paint = _material(rng, 0.42, 0.22)
    if rng.random() < 0.4:
        size = (rng.uniform(5.0, 6.2), rng.uniform(1.9, 2.2), rng.uniform(2.1, 2.8))
        return _van_body(rng, place, TRUCK, size, paint)
    length, width, height = rng.uniform(6, 9.5), rng.uniform(2.1, 2.5), rng.uniform(2.6, 3.6)
    cabin = rng.uniform(1.5, 2.1)
    return [
        _box(place, (length - cabin) / 2, 0, 0.45, (cabin, width, height * 0.7), TRUCK,
             _material(rng, 0.35, 0.2), glass=0.4),
        _box(place, -cabin / 2 - 0.15, 0, 0.8, (length - cabin - 0.3, width, height - 0.8), TRUCK,
             paint),
        *_axles(place, TRUCK, length, width, wheel=0.95)]


def _van_body(rng: np.random.Generator, place: Place, label: int, size: tuple,
              paint: float) -> list[Solid]:
    length, width, height = size
    hood = rng.uniform(0.5, 1.0)
    return [
        _box(place, -hood / 2, 0, 0.25, (length - hood, width, height - 0.25), label, paint,
             texture=0.08, glass=rng.choice([0.0, 0.5])),
        _box(place, (length - hood) / 2, 0, 0.25, (hood, width, height * 0.45), label, paint,
             texture=0.08),
        *_axles(place, label, length, width)]


def _axles(place: Place, label: int, length: float, width: float,
           wheel: float = 0.62) -> list[Solid]:
    return [_box(place, side * 0.31 * length, 0, 0.0, (wheel, width * 0.94, wheel), label, 0.08)
            for side in (-1, 1)]


def person(rng: np.random.Generator, place: Place, label: int = PERSON,
           lift: float = 0.0) -> list[Solid]:
    """Somebody upright; ``lift`` metres above the ground when riding."""
    height, cloth = rng.uniform(1.5, 1.9), _material(rng, 0.62, 0.22)
    hip = 0.48 * height
    return [
        Solid('cylinder', place.offset(0, 0, lift + hip / 2), (0.17, 0.14, hip / 2), label,
              _material(rng, 0.5, 0.2), yaw=place.yaw),
        Solid('ellipsoid', place.offset(0, 0, lift + 0.65 * height),
              (rng.uniform(0.15, 0.22), rng.uniform(0.22, 0.3), 0.2 * height), label, cloth,
              yaw=place.yaw),
        Solid('ellipsoid', place.offset(0, 0, lift + 0.92 * height), (0.11, 0.1, 0.08 * height),
              label, 0.5)]


def bicycle(rng: np.random.Generator, place: Place, label: int = BICYCLE) -> list[Solid]:
    """Two wheels and a frame that most rays pass through."""
    metal = _material(rng, 0.5, 0.3)
    wheels = [Solid('ellipsoid', place.offset(side * 0.52, 0, 0.34), (0.34, 0.05, 0.34), label,
                    metal, yaw=place.yaw, texture=0.2, mean_free_path=0.08) for side in (-1, 1)]
    return [*wheels, _box(place, 0, 0, 0.35, (1.1, 0.1, 0.6), label, metal, texture=0.2,
                          mean_free_path=0.12),
            _box(place, 0.45, 0, 0.9, (0.1, 0.55, 0.12), label, metal, mean_free_path=0.1)]


def bicyclist(rng: np.random.Generator, place: Place) -> list[Solid]:
    return [*bicycle(rng, place, BICYCLIST), *person(rng, place, BICYCLIST, lift=0.15)]


def tree(rng: np.random.Generator, place: Place) -> list[Solid]:
    """A trunk under clumps of leaves; pruned street trees carry them above the sensor's view."""
    radius, clear = rng.uniform(0.06, 0.28), rng.uniform(1.4, 4.5)
    crown = rng.uniform(1.0, 2.6)
    bark = _material(rng, 0.5, 0.2)
    solids = [Solid('cylinder', place.offset(0, 0, clear / 2), (radius, radius, clear / 2 + 0.5),
                    TRUNK, bark, yaw=rng.uniform(0, 2 * np.pi), lean=abs(rng.normal(0, 0.05)),
                    texture=0.15)]
    leaf = _material(rng, 0.5, 0.1)
    for _ in range(int(rng.integers(2, 5))):
        shift = rng.normal(0, 0.35 * crown, 2)
        half = crown * rng.uniform(0.5, 0.9, 3)
        up = clear + rng.uniform(0.5, 1.2) * half[2]
        solids.append(Solid('ellipsoid', place.offset(shift[0], shift[1], up), tuple(half),
                            VEGETATION, leaf, texture=0.15,
                            mean_free_path=rng.uniform(0.35, 1.3)))
    return solids


def bush(rng: np.random.Generator, place: Place) -> list[Solid]:
    half = rng.uniform(0.4, 1.5, 3) * (1.0, 1.0, 0.8)
    return [Solid('ellipsoid', place.offset(0, 0, 0.5 * half[2]), tuple(half), VEGETATION,
                  _material(rng, 0.48, 0.1), yaw=place.yaw, texture=0.15,
                  mean_free_path=rng.uniform(0.1, 0.5))]


def thicket(rng: np.random.Generator, place: Place) -> list[Solid]:
    """The edge of a wood: foliage from the ground up, a trunk showing here and there."""
    solids = tree(rng, place) if rng.random() < 0.35 else []
    for _ in range(int(rng.integers(1, 4))):
        shift, half = rng.normal(0, 1.2, 2), rng.uniform(0.8, 2.6, 3)
        solids.append(Solid('ellipsoid', place.offset(shift[0], shift[1], 0.6 * half[2]),
                            tuple(half), VEGETATION, _material(rng, 0.48, 0.1), texture=0.15,
                            mean_free_path=rng.uniform(0.2, 1.0)))
    return solids


def pole(rng: np.random.Generator, place: Place) -> list[Solid]:
    """Lamp post, wooden mast or bollard; thick ones are as thick as a young tree."""
    bollard = rng.random() < 0.15
    height = rng.uniform(0.8, 1.2) if bollard else rng.uniform(3.0, 8.0)
    radius = rng.uniform(0.05, 0.17)
    metal = _material(rng, 0.38, 0.25)
    solids = [Solid('cylinder', place.offset(0, 0, height / 2), (radius, radius, height / 2 + 0.3),
                    POLE, metal, yaw=rng.uniform(0, 2 * np.pi), lean=abs(rng.normal(0, 0.015)),
                    texture=0.12)]
    if not bollard and rng.random() < 0.4:
        solids.append(_box(place, 0, -0.7, height - 0.1, (0.12, 1.6, 0.12), POLE, metal))
    return solids


def traffic_sign(rng: np.random.Generator, place: Place) -> list[Solid]:
    """A plate that faces along the street, on a thin post."""
    post, plate = rng.uniform(0.03, 0.06), rng.uniform(0.45, 0.9)
    bottom = rng.uniform(1.5, 2.4)
    return [
        Solid('cylinder', place.offset(0, 0, bottom / 2), (post, post, bottom / 2 + 0.3), POLE,
              _material(rng, 0.38, 0.25), texture=0.12),
        _box(place, 0.08, 0, bottom, (0.03, plate, plate * rng.uniform(0.8, 1.5)), TRAFFIC_SIGN,
             _material(rng, 0.8, 0.35), texture=0.25)]


def street_cabinet(rng: np.random.Generator, place: Place) -> list[Solid]:
    """Bin, cabinet or box: SemanticKITTI's "other-object", which no training class covers."""
    size = (rng.uniform(0.4, 0.9), rng.uniform(0.4, 1.2), rng.uniform(0.8, 1.4))
    return [_box(place, 0, 0, -0.2, size, OTHER_OBJECT, _material(rng, 0.5, 0.25))]


def border(rng: np.random.Generator, place: Place, kind: str, length: float) -> list[Solid]:
    """Hedge, fence or wall of some length, centred on the place, along its direction."""
    height = rng.uniform(0.7, 2.0)
    if kind == 'hedge':
        return [_box(place, 0, 0, -0.4, (length, rng.uniform(0.4, 1.1), height + 0.4), VEGETATION,
                     _material(rng, 0.47, 0.1), texture=0.15,
                     mean_free_path=rng.uniform(0.06, 0.25))]
    if kind == 'fence':
        # From close boards (nearly every ray returns) to wire (most pass).
        return [_box(place, 0, 0, -0.4, (length, 0.1, height + 0.4), FENCE,
                     _material(rng, 0.48, 0.15), texture=0.15,
                     mean_free_path=rng.choice([0.02, 0.06, 0.15]))]
    return [_box(place, 0, 0, -0.4, (length, 0.25, height * 0.8 + 0.4), OTHER_STRUCTURE,
                 _material(rng, 0.55, 0.12))]


def building(rng: np.random.Generator, place: Place, width: float, depth: float) -> list[Solid]:
    """House of width along the place's direction, its front through the place, behind it left."""
    height = rng.uniform(3.5, 15.0)
    facade, glass = _material(rng, 0.54, 0.15), rng.uniform(0.2, 0.5)
    solids = [_box(place, 0, depth / 2, -1.5, (width, depth, height + 1.5), BUILDING, facade,
                   texture=0.08, glass=glass)]
    for _ in range(int(rng.integers(0, 4))):  # bays, porches and stairs
        size = (rng.uniform(1.0, 3.0), rng.uniform(0.4, 1.6), rng.uniform(0.5, 3.5))
        along = rng.uniform(-0.4, 0.4) * width
        solids.append(_box(place, along, 0, -0.4, size, BUILDING, facade, texture=0.08))
    return solids
