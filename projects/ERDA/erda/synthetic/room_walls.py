"""Walls with doors and windows cut in, and the free space left on walls and floors."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .room_furniture import box, paint
from .room_surfaces import DOOR, WALL, WINDOW, Part, Thing, Triple

WALL_DEPTH = 0.2  # metres that recessed doors and windows reach outside the room at most
_INWARD = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class RoomSize(NamedTuple):
    """Inner size in metres; the room spans 0..length, 0..width, 0..height."""

    length: float
    width: float
    height: float


class Rectangle(NamedTuple):
    """Axis-aligned rectangle in metres."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: 'Rectangle') -> bool:
        return (self.left < other.right and other.left < self.right
                and self.bottom < other.top and other.bottom < self.top)


@dataclass
class FreeSpace:
    """A floor or a wall on which rectangles are taken one after the other."""

    width: float
    height: float
    taken: list[Rectangle] = field(default_factory=list)

    def fits(self, rectangle: Rectangle, beside: Rectangle | None = None) -> bool:
        """Whether it is inside and overlaps nothing taken, except perhaps ``beside``."""
        return (min(rectangle.left, rectangle.bottom) >= 0 and rectangle.right <= self.width
                and rectangle.top <= self.height
                and not any(rectangle.overlaps(other) for other in self.taken if other != beside))


class Opening(NamedTuple):
    """Door or window: its place on a wall and how deep it is set in, metres."""

    label: int
    place: Rectangle
    recess: float


class Wall:
    """One wall with its own frame: ``along`` it, ``inward`` from it and up, in metres."""

    def __init__(self, number: int, size: RoomSize) -> None:
        self.yaw = number * math.pi / 2
        self.length = size.length if number % 2 == 0 else size.width
        self.height = size.height
        self.origin = ((0.0, 0.0), (size.length, 0.0), (size.length, size.width), (0.0, size.width))[number]
        self.free = FreeSpace(self.length, self.height)
        self.openings: list[Opening] = []

    def floor_place(self, along: float, inward: float) -> tuple[float, float]:
        """Room x and y of a place near the wall."""
        cos_yaw, sin_yaw = round(math.cos(self.yaw)), round(math.sin(self.yaw))
        return (self.origin[0] + along * cos_yaw - inward * sin_yaw,
                self.origin[1] + along * sin_yaw + inward * cos_yaw)

    def footprint(self, start: float, stop: float, depth: float) -> Rectangle:
        """The floor in front of a stretch of the wall."""
        (x0, y0), (x1, y1) = self.floor_place(start, 0.0), self.floor_place(stop, depth)
        return Rectangle(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

    def put(self, parts: Thing) -> Thing:
        """Parts given in the wall's frame, moved to the room's."""
        return [part.moved(*self.origin, 0.0, self.yaw) for part in parts]

    def cut(self, rng: np.random.Generator, label: int, width: float, bottom: float, top: float) -> bool:
        """Try to cut a door or window at a random place; openings never stand above each other."""
        start = rng.uniform(0.15, max(0.16, self.length - width - 0.15))
        if not self.free.fits(Rectangle(start - 0.1, 0.0, start + width + 0.1, self.height)):
            return False
        place = Rectangle(start, bottom, start + width, top)
        # Often flush, so that depth alone does not tell a door.
        recess = 0.02 if rng.random() < 0.35 else rng.uniform(0.02, WALL_DEPTH - 0.03)
        self.openings.append(Opening(label, place, recess))
        self.free.taken.append(Rectangle(start - 0.08, max(0.0, bottom - 0.08), start + width + 0.08, top + 0.08))
        return True

    def build(self, color: Triple) -> Thing:
        """The wall around its openings, with the reveals of recessed ones."""
        parts, start = [], 0.0
        for _, place, recess in sorted(self.openings, key=lambda opening: opening.place.left):
            left, bottom, right, top = place
            middle, width, tall = (left + right) / 2, right - left, top - bottom
            parts += [self._plate(start, left, 0.0, self.height, color), self._plate(left, right, 0.0, bottom, color),
                      self._plate(left, right, top, self.height, color)]
            parts += [box(left, -recess / 2, bottom, (0.0, recess, tall), WALL, color, faces=(0, 1, 0, 0, 0, 0)),
                      box(right, -recess / 2, bottom, (0.0, recess, tall), WALL, color, faces=(1, 0, 0, 0, 0, 0)),
                      box(middle, -recess / 2, top, (width, recess, 0.0), WALL, color, faces=(0, 0, 0, 0, 1, 0))]
            if bottom > 0:  # window sill
                parts.append(box(middle, -recess / 2, bottom, (width, recess, 0.0), WALL, color,
                                 faces=(0, 0, 0, 0, 0, 1)))
            start = right
        parts.append(self._plate(start, self.length, 0.0, self.height, color))
        return self.put(parts)

    @staticmethod
    def _plate(start: float, stop: float, bottom: float, top: float, color: Triple) -> Part:
        return box((start + stop) / 2, 0, bottom, (stop - start, 0.0, top - bottom), WALL, color, faces=_INWARD)


def _framed(opening: Opening, thickness: float, color: Triple) -> Thing:
    """Frame around an opening; a door's has no lower bar."""
    left, bottom, right, top = opening.place
    depth, width = 0.05, right - left
    y = depth / 2 - opening.recess
    bars = [box(left + thickness / 2, y, bottom, (thickness, depth, top - bottom), opening.label, color),
            box(right - thickness / 2, y, bottom, (thickness, depth, top - bottom), opening.label, color),
            box((left + right) / 2, y, top - thickness, (width, depth, thickness), opening.label, color)]
    if opening.label == WINDOW:
        bars.append(box((left + right) / 2, y, bottom, (width, depth, thickness), opening.label, color))
    return bars


def door(rng: np.random.Generator, opening: Opening, wall_color: Triple) -> Thing:
    """Leaf, frame and handle in the wall's frame; one door in six is painted like its wall."""
    left, bottom, right, top = opening.place
    leaf = wall_color if rng.random() < 0.17 else paint(rng, 'wood', 'dark_wood', 'white', 'grey', 'cream', 'sky')
    frame = leaf if rng.random() < 0.5 else paint(rng, 'grey', 'white', 'dark_wood', 'dark')
    parts = _framed(opening, rng.uniform(0.04, 0.08), frame)
    parts.append(box((left + right) / 2, -opening.recess, bottom, (right - left, 0.0, top - bottom), DOOR, leaf,
                     faces=_INWARD))
    parts.append(box(left + 0.12, 0.06 - opening.recess, bottom + 1.0, (0.12, 0.04, 0.03), DOOR, paint(rng, 'grey')))
    if rng.random() < 0.3:  # a pane or a kick plate
        parts.append(box((left + right) / 2, 0.01 - opening.recess, bottom + rng.choice([0.1, 1.2]),
                         (0.5 * (right - left), 0.0, 0.5), DOOR, paint(rng, 'grey', 'sky', 'dark'), faces=_INWARD))
    return parts


def window(rng: np.random.Generator, opening: Opening) -> Thing:
    """Frame, bars and glass in the wall's frame; glass returns fewer points."""
    left, bottom, right, top = opening.place
    width, tall = right - left, top - bottom
    color, bar = paint(rng, 'white', 'grey', 'dark', 'wood'), rng.uniform(0.03, 0.07)
    parts = _framed(opening, bar, color)
    panes = max(1, round(width / rng.uniform(0.6, 1.1)))
    y = 0.02 - opening.recess
    parts += [box(left + width * pane / panes, y, bottom, (bar, 0.04, tall), WINDOW, color)
              for pane in range(1, panes)]
    if rng.random() < 0.4:
        parts.append(box((left + right) / 2, y, bottom + 0.7 * tall, (width, 0.04, bar), WINDOW, color))
    glass = paint(rng, 'sky', 'white', 'dark', 'grey', 'cream')
    parts.append(box((left + right) / 2, -opening.recess, bottom, (width, 0.0, tall), WINDOW, glass,
                     faces=(0.0, 0.0, 0.0, rng.uniform(0.45, 0.9), 0.0, 0.0)))
    return parts
