"""Furniture of random size and material, built of boxes and cylinders.

Each piece stands on z = 0 around the origin, its length along x, its front towards +y. Colors and sizes of classes
overlap on purpose (armchair and sofa, cabinet and bookcase, screen and board): shape and place have to tell them apart.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .room_surfaces import BOARD, BOOKCASE, CHAIR, CLUTTER, SOFA, TABLE, Part, Thing, Triple

# Mean color 0..255 of the materials that furniture and rooms are made of.
MATERIALS = {
    'white': (225, 222, 214), 'cream': (205, 190, 160), 'grey': (150, 150, 150), 'dark': (55, 55, 60),
    'wood': (160, 115, 75), 'dark_wood': (95, 65, 45), 'blue': (70, 95, 150), 'green': (70, 120, 90),
    'red': (150, 60, 55), 'sky': (185, 205, 225)}
_FABRIC = ('dark', 'grey', 'blue', 'green', 'red', 'cream')
_PANEL = ('wood', 'dark_wood', 'white', 'grey', 'cream')
_ANY = tuple(MATERIALS)
_TOP_ONLY = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


class Furniture(NamedTuple):
    """Things that stand together, the first being the piece itself, and the box around it in metres.

    ``floor_seen`` is the share of the floor below it that a scanner still sees.
    """

    things: list[Thing]
    length: float
    depth: float
    height: float
    floor_seen: float = 0.0


def paint(rng: np.random.Generator, *materials: str) -> Triple:
    """Color of one object: one of the materials, brighter or darker than its mean and slightly off its hue."""
    mean = MATERIALS[materials[rng.integers(len(materials))]]
    brightness, hue = rng.normal(1.0, 0.13), rng.normal(0, 8, 3)
    red, green, blue = (float(np.clip(channel * brightness + shift, 5, 250)) for channel, shift in zip(mean, hue))
    return red, green, blue


def box(x: float, y: float, bottom: float, size: Triple, label: int, color: Triple, **details: Any) -> Part:
    """Box of full ``size`` centred on x, y, its underside at ``bottom``."""
    return Part((x, y, bottom + size[2] / 2), (size[0] / 2, size[1] / 2, size[2] / 2), label, color, **details)


def table(rng: np.random.Generator, length: float, depth: float, height: float) -> Furniture:
    """Table on legs, on panels or on one foot, round if it is square, or a desk with drawers."""
    top, base = paint(rng, *_PANEL), paint(rng, 'grey', 'dark', 'wood', 'white')
    thickness = rng.uniform(0.02, 0.06)
    is_round = abs(length - depth) < 0.15 and rng.random() < 0.6
    under = height - thickness
    parts = [box(0, 0, under, (length, depth, thickness), TABLE, top, round=is_round)]
    style = rng.random()
    if is_round or style < 0.12:
        foot = rng.uniform(0.25, 0.35) * min(length, depth)
        parts += [box(0, 0, 0, (0.1, 0.1, under), TABLE, base, round=True),
                  box(0, 0, 0, (2 * foot, 2 * foot, 0.03), TABLE, base, round=True)]
    elif style < 0.6:
        leg = rng.uniform(0.04, 0.08)
        parts += [box(side * (length / 2 - leg), end * (depth / 2 - leg), 0, (leg, leg, under), TABLE, base)
                  for side in (-1, 1) for end in (-1, 1)]
    else:
        parts += [box(side * (length / 2 - 0.03), 0, 0, (0.03, 0.92 * depth, under), TABLE, top) for side in (-1, 1)]
        if rng.random() < 0.6:  # modesty panel at the back
            parts.append(box(0, -0.4 * depth, 0.25 * height, (length - 0.1, 0.02, 0.7 * under), TABLE, top))
    if not is_round and length > 1.1 and height > 0.6 and rng.random() < 0.5:
        side = rng.choice([-1, 1])
        parts.append(box(side * (length / 2 - 0.28), 0, 0.03, (0.4, 0.85 * depth, under - 0.05), TABLE, base))
    return Furniture([parts], length, depth, height, floor_seen=0.55)


def laid_table(rng: np.random.Generator, length: float, depth: float, height: float, objects: int,
               screen: bool = False) -> Furniture:
    """A table with up to ``objects`` small things on it and perhaps a screen."""
    piece = table(rng, length, depth, height)
    things = list(piece.things)
    if screen:
        things.append(_screen(rng, rng.uniform(-0.2, 0.2) * length, -0.22 * depth, height))
    # One slot per object keeps them apart; the disc inside a round top is 0.7 of its box.
    slots = rng.permutation(8)[:objects]
    for slot in slots:
        x = (slot % 4 - 1.5) / 4 * 0.7 * length
        y = (0.1 if screen else (slot // 4 - 0.5) * 0.45) * depth
        reach = 0.15 * length, 0.3 * depth
        things.append(_small_thing(rng, x, y, height, reach))
    return piece._replace(things=things)


def _screen(rng: np.random.Generator, x: float, y: float, height: float) -> Thing:
    width, tall, color = rng.uniform(0.4, 0.75), rng.uniform(0.28, 0.45), paint(rng, 'dark', 'dark', 'grey')
    return [box(x, y, height + 0.1, (width, 0.04, tall), CLUTTER, color),
            box(x, y - 0.04, height, (0.05, 0.04, 0.3), CLUTTER, color),
            box(x, y, height, (0.25, 0.18, 0.015), CLUTTER, color)]


def _small_thing(rng: np.random.Generator, x: float, y: float, bottom: float, reach: tuple[float, float]) -> Thing:
    """Paper, book, box, cup or bottle, no larger than ``reach`` in x and y."""
    color = paint(rng, *_ANY)
    if rng.random() < 0.3:
        width = rng.uniform(0.06, 0.14)
        return [box(x, y, bottom, (width, width, rng.uniform(0.08, 0.3)), CLUTTER, color, round=True)]
    size = (min(rng.uniform(0.15, 0.4), reach[0]), min(rng.uniform(0.12, 0.3), reach[1]), rng.uniform(0.01, 0.25))
    return [box(x, y, bottom, size, CLUTTER, color, yaw=rng.normal(0, 0.15))]


def chair(rng: np.random.Generator) -> Furniture:
    """Office chair on a star foot or chair on four legs, with or without arms."""
    cloth, frame = paint(rng, *_FABRIC, 'wood'), paint(rng, 'dark', 'grey', 'wood')
    width, depth, seat = rng.uniform(0.42, 0.52), rng.uniform(0.42, 0.52), rng.uniform(0.40, 0.50)
    back = rng.uniform(0.32, 0.55)
    parts = [box(0, 0, seat - 0.05, (width, depth, rng.uniform(0.04, 0.09)), CHAIR, cloth),
             box(0, -depth / 2 + 0.03, seat + 0.1, (0.92 * width, 0.05, back), CHAIR, cloth),
             box(0, -depth / 2 + 0.02, seat - 0.03, (0.08, 0.03, 0.15), CHAIR, frame)]
    if rng.random() < 0.5:
        parts += [box(0, 0, 0.08, (0.07, 0.07, seat - 0.13), CHAIR, frame, round=True),
                  box(0, 0, 0.03, (0.55, 0.06, 0.05), CHAIR, frame),
                  box(0, 0, 0.03, (0.06, 0.5, 0.05), CHAIR, frame)]
    else:
        parts += [box(side * (width / 2 - 0.03), end * (depth / 2 - 0.03), 0, (0.03, 0.03, seat - 0.05), CHAIR, frame)
                  for side in (-1, 1) for end in (-1, 1)]
    if rng.random() < 0.45:
        for side in (-1, 1):
            arm = side * (width / 2 + 0.02)
            parts += [box(arm, 0.02, seat + 0.17, (0.05, 0.6 * depth, 0.03), CHAIR, frame),
                      box(arm, 0, seat - 0.03, (0.03, 0.04, 0.2), CHAIR, frame)]
    return Furniture([parts], width + 0.1, depth, seat + 0.1 + back, floor_seen=0.7)


def sofa(rng: np.random.Generator) -> Furniture:
    """Armchair to three seats; the smallest are hardly wider than a chair with arms."""
    seats = int(rng.choice([1, 2, 3], p=[0.25, 0.4, 0.35]))
    arm, cushion = rng.uniform(0.1, 0.2), rng.uniform(0.52, 0.68)
    length, depth = seats * cushion + 2 * arm, rng.uniform(0.75, 0.95)
    seat, back, cloth = rng.uniform(0.36, 0.46), rng.uniform(0.7, 0.9), paint(rng, *_FABRIC)
    pillow = (0.95 * cloth[0], 0.95 * cloth[1], 0.95 * cloth[2]) if rng.random() < 0.7 else paint(rng, *_FABRIC)
    thick = rng.uniform(0.15, 0.25)
    parts = [box(0, 0, 0.06, (length, depth, seat - 0.18), SOFA, cloth),
             box(0, -depth / 2 + thick / 2, 0.06, (length, thick, back - 0.06), SOFA, cloth)]
    parts += [box(side * (length - arm) / 2, 0, 0.06, (arm, depth, seat + 0.12), SOFA, cloth) for side in (-1, 1)]
    for number in range(seats):
        x = (number - (seats - 1) / 2) * cushion
        parts.append(box(x, thick / 2, seat - 0.12, (cushion - 0.02, depth - thick, 0.12), SOFA, pillow))
    return Furniture([parts], length, depth, back, floor_seen=0.05)


def bookcase(rng: np.random.Generator) -> Furniture:
    """Shelves between two sides, partly filled with books and boxes, which S3DIS counts as bookcase."""
    length, depth, height = rng.uniform(0.7, 2.4), rng.uniform(0.27, 0.45), rng.uniform(1.1, 2.3)
    wood, board = paint(rng, *_PANEL), 0.02
    parts = [box(side * (length - board) / 2, 0, 0, (board, depth, height), BOOKCASE, wood) for side in (-1, 1)]
    parts.append(box(0, -depth / 2 + 0.01, 0, (length, 0.01, height), BOOKCASE, wood,
                     faces=(0, 0, 0.1, 0.7, 0, 0)))
    shelves = max(2, round(height / rng.uniform(0.3, 0.42)))
    gap, fullness = (height - board) / shelves, rng.uniform(0.35, 0.95)
    palette = [paint(rng, *_ANY) for _ in range(6)]
    for level in range(shelves + 1):
        parts.append(box(0, 0, level * gap, (length - 2 * board, depth, board), BOOKCASE, wood))
        if level == shelves:
            break
        x = -length / 2 + board
        while x < length / 2 - 0.1:
            width = min(rng.uniform(0.05, 0.35), length / 2 - board - x)
            if rng.random() < fullness:
                deep, tall = rng.uniform(0.5, 0.9) * depth, rng.uniform(0.5, 0.92) * (gap - board)
                parts.append(box(x + width / 2, (deep - depth) / 2 + 0.02, level * gap + board, (width, deep, tall),
                                 BOOKCASE, palette[rng.integers(6)], faces=(0.3, 0.3, 0, 1, 0, 0.6)))
            x += width
    return Furniture([parts], length, depth, height)


def floor_clutter(rng: np.random.Generator) -> Furniture:
    """Cabinet, box, bin, bag or plant on the floor."""
    color, kind = paint(rng, *_ANY), rng.random()
    if kind < 0.25:  # a filing cabinet or fridge, closed where a bookcase is open
        size = (rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.6), rng.uniform(0.6, 1.6))
        parts = [box(0, 0, 0, size, CLUTTER, color)]
    elif kind < 0.55:
        size = (rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.5), rng.uniform(0.15, 0.5))
        parts = [box(0, 0, 0, size, CLUTTER, color)]
        if rng.random() < 0.3:
            parts.append(box(0, 0, size[2], (0.8 * size[0], 0.8 * size[1], 0.2), CLUTTER, paint(rng, *_ANY), yaw=0.2))
            size = (size[0], size[1], size[2] + 0.2)
    elif kind < 0.85:
        width = rng.uniform(0.2, 0.45)
        size = (width, width, rng.uniform(0.25, 0.8))
        parts = [box(0, 0, 0, size, CLUTTER, color, round=True)]
    else:
        size = (0.54, 0.54, rng.uniform(0.8, 1.6))
        leaf = paint(rng, 'green')
        parts = [box(0, 0, 0, (0.3, 0.3, 0.3), CLUTTER, color, round=True)]
        parts += [Part((rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), rng.uniform(0.4, size[2])), (0.16, 0.1, 0.0),
                       CLUTTER, leaf, yaw=rng.uniform(0, math.pi), round=True, faces=_TOP_ONLY) for _ in range(14)]
    return Furniture([parts], *size)


def board(rng: np.random.Generator) -> Furniture:
    """White, green or black board for a wall, around the origin, with its tray below."""
    length, height, thick = rng.uniform(1.0, 3.2), rng.uniform(0.8, 1.3), rng.uniform(0.015, 0.05)
    surface, edge = paint(rng, 'white', 'white', 'green', 'dark', 'grey'), paint(rng, 'grey', 'wood', 'white')
    faces = (1.0, 1.0, 0.0, 1.0, 0.5, 1.0)
    parts = [box(0, thick / 2, -height / 2, (length, thick, height), BOARD, surface, faces=faces)]
    if rng.random() < 0.7:
        parts.append(box(0, thick + 0.03, -height / 2, (0.8 * length, 0.06, 0.02), BOARD, edge, faces=faces))
    return Furniture([parts], length, thick, height)


def wall_clutter(rng: np.random.Generator) -> Furniture:
    """Poster, picture, notice, screen or switch for a wall, around the origin."""
    length, height, thick = rng.uniform(0.15, 1.3), rng.uniform(0.15, 1.0), rng.uniform(0.004, 0.09)
    parts = [box(0, thick / 2, -height / 2, (length, thick, height), CLUTTER, paint(rng, *_ANY),
                 faces=(1.0, 1.0, 0.0, 1.0, 0.5, 1.0))]
    return Furniture([parts], length, thick, height)
