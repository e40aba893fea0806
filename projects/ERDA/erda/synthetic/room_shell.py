"""The empty room: floor, ceiling and walls, beams and columns."""

import math

import numpy as np

from .room_furniture import box, paint
from .room_surfaces import BEAM, CEILING, COLUMN, DOOR, FLOOR, WINDOW, Cover, Thing
from .room_walls import FreeSpace, Rectangle, RoomSize, Wall, door, window


class Shell:
    """Floor, ceiling, walls, beams and columns of one room, and the space they leave for other things."""

    def __init__(self, rng: np.random.Generator, size: RoomSize, doors: int, windows: int) -> None:
        self.size = size
        self.walls = [Wall(number, size) for number in range(4)]
        self.floor = FreeSpace(size.length, size.width)
        self.things: list[Thing] = []
        self.covers: list[Cover] = []
        self._rng = rng
        self._wall_color = paint(rng, 'white', 'white', 'cream', 'grey', 'sky')
        # Ceiling lamps go on the ceiling that no beam takes.
        self.ceiling = FreeSpace(size.length, size.width)
        if rng.random() < 0.6:
            self._columns()
        self._cut_openings(doors, windows)
        if rng.random() < 0.55:
            self._beams()
        self._surfaces()

    def _surfaces(self) -> None:
        rng, (length, width, height) = self._rng, self.size
        floor = paint(rng, 'wood', 'dark_wood', 'grey', 'grey', 'cream', 'dark', 'blue')
        ceiling = paint(rng, 'white', 'white', 'cream', 'grey')
        middle, plate = (length / 2, width / 2), (length, width, 0.0)
        self.things.append([box(*middle, 0, plate, FLOOR, floor, faces=(0, 0, 0, 0, 0, 1))])
        self.things.append([box(*middle, height, plate, CEILING, ceiling, faces=(0, 0, 0, 0, 1, 0))])
        accent = rng.integers(4) if rng.random() < 0.2 else None
        for number, wall in enumerate(self.walls):
            color = paint(rng, 'blue', 'green', 'red', 'cream', 'wood') if number == accent else self._wall_color
            self.things.append(wall.build(color))
            for opening in wall.openings:
                parts = door(rng, opening, color) if opening.label == DOOR else window(rng, opening)
                self.things.append(wall.put(parts))

    def _cut_openings(self, doors: int, windows: int) -> None:
        rng, height = self._rng, self.size.height
        for _ in range(8 * doors):
            wall, width = self.walls[rng.integers(4)], rng.uniform(0.8, 1.0) if rng.random() < 0.75 else 1.6
            if wall.length > width + 0.4 and wall.cut(rng, DOOR, width, 0.0, rng.uniform(1.95, 2.25)):
                place = wall.openings[-1].place
                # Nothing stands in the way of a door.
                self.floor.taken.append(wall.footprint(place.left, place.right, 0.8))
                doors -= 1
            if doors == 0:
                break
        outer = rng.permutation(4)[:2]  # only some walls face outside
        for _ in range(6 * windows):
            wall = self.walls[rng.choice(outer)]
            width = rng.uniform(0.7, min(2.6, 0.8 * wall.length))
            bottom = 0.05 if rng.random() < 0.1 else rng.uniform(0.5, 1.1)
            top = min(height - 0.15, rng.uniform(1.9, 2.9))
            windows -= wall.cut(rng, WINDOW, width, bottom, top)
            if windows == 0:
                break

    def _columns(self) -> None:
        """Up to three columns of one kind: in corners, half in walls, or free where there is room."""
        rng, (length, width, height) = self._rng, self.size
        color = self._wall_color if rng.random() < 0.5 else paint(rng, 'white', 'grey', 'cream', 'wood')
        is_round = rng.random() < 0.25
        side, other = rng.uniform(0.25, 0.6, 2)
        other = side if is_round else other
        for _ in range(int(rng.integers(1, 4))):
            wall = self.walls[rng.integers(4)]
            if wall.length < 2.5:
                continue
            # A round column stands clear of the wall, a square one often grows out of it.
            along = side / 2 if rng.random() < 0.3 and not is_round else rng.uniform(side, wall.length - side)
            free = min(length, width) > 4.5 and rng.random() < 0.4
            inward = rng.uniform(1.2, 2.0) if free else other / 2 + (0.08 if is_round else 0.0)
            x, y = wall.floor_place(along, inward)
            turned = abs(math.sin(wall.yaw)) > 0.5
            half_x, half_y = (other / 2, side / 2) if turned else (side / 2, other / 2)
            place = Rectangle(x - half_x, y - half_y, x + half_x, y + half_y)
            if not self.floor.fits(place):
                continue
            self.floor.taken.append(place)
            self.ceiling.taken.append(place)
            gaps = (place.left, length - place.right, place.bottom, width - place.top)
            self.things.append([box(x, y, 0, (2 * half_x, 2 * half_y, height), COLUMN, color, round=is_round,
                                    faces=(*(float(gap > 0.02) for gap in gaps), 0.0, 0.0))])
            grow = 0.03 if not is_round else -0.02
            self.covers.append(Cover((x, y, height / 2), (half_x + grow, half_y + grow, height)))
            self._keep_walls_clear(place)

    def _keep_walls_clear(self, place: Rectangle) -> None:
        for wall in self.walls:
            for along in np.arange(0.0, wall.length, 0.1):
                spot = wall.footprint(along, min(along + 0.1, wall.length), 0.6)
                if spot.overlaps(place):
                    wall.free.taken.append(Rectangle(along, 0.0, along + 0.1, wall.height))

    def _beams(self) -> None:
        """Parallel beams from wall to wall under the ceiling."""
        rng, (length, width, height) = self._rng, self.size
        across = rng.random() < (0.7 if length > width else 0.3)
        run, span = (length, width) if across else (width, length)
        thick, deep = rng.uniform(0.15, 0.5), rng.uniform(0.12, min(0.45, height - 2.35))
        color = self._wall_color if rng.random() < 0.4 else paint(rng, 'white', 'grey', 'wood', 'cream')
        count = int(rng.integers(1, 4))
        for number in range(count):
            middle = run * (number + 1) / (count + 1) + rng.normal(0, 0.1)
            x, y = (middle, width / 2) if across else (length / 2, middle)
            size = (thick, span, deep) if across else (span, thick, deep)
            faces = (1, 1, 0, 0, 1, 0) if across else (0, 0, 1, 1, 1, 0)
            self.things.append([box(x, y, height - deep, size, BEAM, color, faces=faces)])
            half = (size[0] / 2, size[1] / 2 + 0.02, deep / 2 + 0.02) if across else (
                size[0] / 2 + 0.02, size[1] / 2, deep / 2 + 0.02)
            self.covers.append(Cover((x, y, height - deep / 2 + 0.02), half))
            self.ceiling.taken.append(Rectangle(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2))
        # What hangs on a wall ends below the beams.
        for wall in self.walls:
            wall.free.taken.append(Rectangle(0.0, height - deep, wall.length, height))
