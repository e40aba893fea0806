"""Furnishes rooms of several kinds: what stands along walls, in the middle, on walls and under the ceiling."""

import math
from typing import NamedTuple

import numpy as np

from . import room_furniture as furniture
from .room_furniture import Furniture, box, paint
from .room_shell import Shell
from .room_surfaces import CLUTTER, Cover, Thing
from .room_walls import Rectangle, RoomSize

_TRIES = 12
_QUARTER = math.pi / 2


class RoomKind(NamedTuple):
    """Ranges, both ends included: sizes in metres, the rest counts."""

    length: tuple[float, float]
    width: tuple[float, float]
    doors: tuple[int, int]
    windows: tuple[int, int]
    desks: tuple[int, int]
    big_tables: tuple[int, int]
    sofas: tuple[int, int]
    bookcases: tuple[int, int]
    boards: tuple[int, int]
    loose_chairs: tuple[int, int]
    floor_clutter: tuple[int, int]


# Named as S3DIS names its rooms.
ROOM_KINDS = {
    'office': RoomKind((4.0, 8.0), (3.0, 6.0), (1, 2), (1, 3), (1, 4), (0, 1), (0, 1), (1, 3), (0, 1), (0, 2), (3, 8)),
    'conferenceRoom': RoomKind((5.0, 10.0), (4.0, 7.0), (1, 2), (0, 3), (0, 1), (1, 2), (0, 1), (0, 1), (1, 2), (2, 5),
                               (2, 6)),
    'lounge': RoomKind((4.5, 9.0), (4.0, 7.0), (1, 3), (1, 3), (0, 1), (1, 2), (2, 4), (0, 2), (0, 1), (1, 4), (2, 6)),
    'hallway': RoomKind((6.0, 14.0), (1.8, 3.0), (3, 6), (0, 2), (0, 0), (0, 0), (0, 1), (0, 1), (0, 2), (0, 2),
                        (2, 6)),
    'copyRoom': RoomKind((3.5, 6.0), (3.0, 5.0), (1, 1), (0, 1), (1, 2), (0, 1), (0, 0), (2, 4), (0, 1), (0, 1),
                         (5, 10))}


class RoomPlan(NamedTuple):
    """A furnished room: every thing becomes an instance, covers hide floor, walls and ceiling behind furniture."""

    size: RoomSize
    things: list[Thing]
    covers: list[Cover]


def plan_room(rng: np.random.Generator, kind: str) -> RoomPlan:
    """A random room of one of ``ROOM_KINDS``; drawn from ``rng`` only."""
    ranges = ROOM_KINDS[kind]
    size = RoomSize(rng.uniform(*ranges.length), rng.uniform(*ranges.width), rng.uniform(2.5, 3.5))
    if rng.random() < 0.5:
        size = size._replace(length=size.width, width=size.length)

    def count(bounds: tuple[int, int]) -> int:
        return int(rng.integers(bounds[0], bounds[1] + 1))

    shell = Shell(rng, size, count(ranges.doors), count(ranges.windows))
    decorator = _Decorator(rng, shell)
    for _ in range(count(ranges.big_tables)):
        decorator.big_table()
    for _ in range(count(ranges.boards)):
        decorator.on_wall(furniture.board(rng), lowest=0.75)
    for _ in range(count(ranges.bookcases)):
        decorator.against_wall(furniture.bookcase(rng), gap=0.04)
    for _ in range(count(ranges.desks)):
        decorator.desk()
    for _ in range(count(ranges.sofas)):
        decorator.sofa()
    for _ in range(count(ranges.loose_chairs)):
        decorator.anywhere(furniture.chair(rng))
    for _ in range(count(ranges.floor_clutter)):
        piece = furniture.floor_clutter(rng)
        if rng.random() < 0.3 or not decorator.against_wall(piece, gap=0.1):
            decorator.anywhere(piece)
    for _ in range(int(rng.integers(1, 7))):
        decorator.on_wall(furniture.wall_clutter(rng), lowest=0.8)
    decorator.ceiling_lamps()
    return RoomPlan(size, shell.things, shell.covers)


class _Decorator:
    """Puts furniture into a shell where there is room; pieces that find no place are left out."""

    def __init__(self, rng: np.random.Generator, shell: Shell) -> None:
        self.rng = rng
        self.shell = shell

    def desk(self) -> None:
        rng = self.rng
        piece = furniture.laid_table(rng, rng.uniform(1.0, 1.9), rng.uniform(0.6, 0.9), rng.uniform(0.68, 0.8),
                                     int(rng.integers(0, 6)), screen=rng.random() < 0.7)
        place = self.against_wall(piece, gap=0.08) if rng.random() < 0.7 else self.anywhere(piece)
        if place and rng.random() < 0.85:
            self._chair_beside(place, piece, along=rng.normal(0, 0.1), side=1)

    def big_table(self) -> None:
        """Conference or coffee table in the middle, with chairs around it if it is high enough to sit at."""
        rng = self.rng
        low = rng.random() < 0.15
        length, depth = (rng.uniform(0.6, 1.2), rng.uniform(0.5, 0.8)) if low else (
            rng.uniform(1.2, 4.0), rng.uniform(0.8, 1.4))
        if rng.random() < 0.2:
            length = depth = rng.uniform(0.7, 1.4)
        room = max(self.shell.size[:2]) - 1.6
        height = rng.uniform(0.35, 0.5) if low else rng.uniform(0.68, 0.8)
        piece = furniture.laid_table(rng, min(length, room), depth, height, int(rng.integers(0, 7)))
        place = self.anywhere(piece, margin=0.4)
        if place is None or low:
            return
        seats = max(1, int(piece.length / 0.75))
        model = int(rng.integers(1 << 32))  # one model of chair around one table
        for side in (-1, 1):
            for seat in range(seats):
                if rng.random() < 0.8:
                    self._chair_beside(place, piece, ((seat + 0.5) / seats - 0.5) * piece.length, side, model)

    def sofa(self) -> None:
        piece = furniture.sofa(self.rng)
        if self.rng.random() < 0.25 or not self.against_wall(piece, gap=0.15):
            self.anywhere(piece)

    def against_wall(self, piece: Furniture, gap: float) -> '_Place | None':
        """Its back to a random wall, at most ``gap`` metres away from it."""
        rng = self.rng
        for _ in range(_TRIES):
            wall = self.shell.walls[rng.integers(4)]
            jitter = float(np.clip(rng.normal(0, 0.02), -0.05, 0.05)) if piece.length < 1.5 else 0.0
            half_x, half_y = _extent(piece, jitter)
            if wall.length < 2 * half_x + 0.02:
                continue
            along = rng.uniform(half_x + 0.01, wall.length - half_x - 0.01)
            inward = half_y + rng.uniform(0.01, gap)
            on_wall = Rectangle(along - half_x, 0.0, along + half_x, piece.height)
            if not wall.free.fits(on_wall):
                continue
            place = _Place(*wall.floor_place(along, inward), wall.yaw + jitter)
            if self._place(piece, place, behind=inward - half_y):
                wall.free.taken.append(on_wall)
                return place
        return None

    def anywhere(self, piece: Furniture, margin: float = 0.05) -> '_Place | None':
        """On the free floor, turned by quarters and a little more, ``margin`` metres off everything else."""
        rng = self.rng
        for _ in range(_TRIES):
            yaw = rng.integers(4) * _QUARTER + float(np.clip(rng.normal(0, 0.05), -0.12, 0.12))
            half_x, half_y = _extent(piece, yaw)
            room_x = self.shell.size.length - 2 * (half_x + margin)
            room_y = self.shell.size.width - 2 * (half_y + margin)
            if min(room_x, room_y) <= 0:
                continue
            place = _Place(half_x + margin + rng.random() * room_x, half_y + margin + rng.random() * room_y, yaw)
            if self.shell.floor.fits(_around(place, half_x + margin, half_y + margin)):
                self._place(piece, place)
                return place
        return None

    def on_wall(self, piece: Furniture, lowest: float) -> None:
        """Hung on a random wall with its lower edge at ``lowest`` or higher."""
        rng = self.rng
        for _ in range(_TRIES):
            wall = self.shell.walls[rng.integers(4)]
            space = wall.length - piece.length - 0.1, min(2.4, wall.height - 0.1) - piece.height - lowest
            if min(space) <= 0:
                continue
            along = 0.05 + piece.length / 2 + rng.random() * space[0]
            up = lowest + piece.height / 2 + rng.random() * min(space[1], 0.6)
            half_length, half_height = piece.length / 2 + 0.03, piece.height / 2 + 0.03
            place = Rectangle(along - half_length, up - half_height, along + half_length, up + half_height)
            if wall.free.fits(place):
                wall.free.taken.append(place)
                x, y = wall.floor_place(along, 0.0)
                self.shell.things += [[part.moved(x, y, up, wall.yaw) for part in thing] for thing in piece.things]
                self.shell.covers.append(Cover((x, y, up), (piece.length / 2, 0.02, piece.height / 2), wall.yaw))
                return

    def ceiling_lamps(self) -> None:
        """Lamps in a grid, which S3DIS counts as clutter."""
        rng, size = self.rng, self.shell.size
        if rng.random() < 0.25:
            return
        lamp = (rng.uniform(0.2, 0.6), rng.uniform(0.2, 1.3), rng.uniform(0.02, 0.08))
        color, is_round = paint(rng, 'white', 'white', 'grey', 'sky'), rng.random() < 0.3
        spacing = rng.uniform(1.8, 2.8)
        rows, columns = max(1, int(size.length / spacing)), max(1, int(size.width / spacing))
        for row in range(rows):
            for column in range(columns):
                x, y = (row + 0.5) * size.length / rows, (column + 0.5) * size.width / columns
                if not self.shell.ceiling.fits(_around(_Place(x, y, 0.0), lamp[0] / 2, lamp[1] / 2)):
                    continue
                self.shell.things.append([box(x, y, size.height - lamp[2], lamp, CLUTTER, color, round=is_round,
                                              faces=(1, 1, 1, 1, 1, 0))])
                self.shell.covers.append(Cover((x, y, size.height), (0.45 * lamp[0], 0.45 * lamp[1], 0.05)))

    def _chair_beside(self, place: '_Place', piece: Furniture, along: float, side: int,
                      model: int | None = None) -> None:
        """A chair that faces the table ``piece``, its seat up to 15 cm under the top."""
        rng = self.rng
        chair = furniture.chair(rng if model is None else np.random.default_rng(model))
        away = side * (piece.depth / 2 + chair.depth / 2 + rng.uniform(-0.15, 0.25))
        cos_yaw, sin_yaw = math.cos(place.yaw), math.sin(place.yaw)
        spot = _Place(place.x + cos_yaw * along - sin_yaw * away, place.y + sin_yaw * along + cos_yaw * away,
                      place.yaw + (math.pi if side > 0 else 0.0) + rng.normal(0, 0.12))
        table = _around(place, *_extent(piece, place.yaw))
        self._place(chair, spot, beside=table)

    def _place(self, piece: Furniture, place: '_Place', beside: Rectangle | None = None, behind: float = 0.0) -> bool:
        """Put it there if the floor is free, and hide the floor below and the wall ``behind`` metres behind it."""
        footprint = _around(place, *_extent(piece, place.yaw))
        if not self.shell.floor.fits(footprint, beside):
            return False
        self.shell.floor.taken.append(footprint)
        self.shell.things += [[part.moved(*place[:2], 0.0, place.yaw) for part in thing] for thing in piece.things]
        half = (piece.length / 2, piece.depth / 2, 0.05)
        self.shell.covers.append(Cover((place.x, place.y, 0.0), half, place.yaw, piece.floor_seen))
        if behind:
            half = (piece.length / 2, piece.depth / 2 + behind + 0.02, piece.height / 2)
            self.shell.covers.append(Cover((place.x, place.y, piece.height / 2), half, place.yaw, piece.floor_seen))
        return True


class _Place(NamedTuple):
    """A spot on the floor and the direction of a piece's own x axis: metres and radians."""

    x: float
    y: float
    yaw: float


def _extent(piece: Furniture, yaw: float) -> tuple[float, float]:
    """Half size of the axis-aligned box around a turned piece."""
    cos_yaw, sin_yaw = abs(math.cos(yaw)), abs(math.sin(yaw))
    return ((cos_yaw * piece.length + sin_yaw * piece.depth) / 2, (sin_yaw * piece.length + cos_yaw * piece.depth) / 2)


def _around(place: _Place, half_x: float, half_y: float) -> Rectangle:
    return Rectangle(place.x - half_x, place.y - half_y, place.x + half_x, place.y + half_y)
