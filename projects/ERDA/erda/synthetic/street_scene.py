"""Fills the blocks of a procedural street with houses, trees, vehicles and people."""

from collections.abc import Callable
from functools import partial

import numpy as np

from . import street_objects as objects
from .solids import Solid
from .street_ground import BLOCK_LENGTH, PARKING, StreetGround, seeded_generator
from .street_objects import Place

ObjectFactory = Callable[[np.random.Generator, Place], list[Solid]]
_RIGHT, _LEFT = 0, 1


def populate_street(ground: StreetGround, seed: int, sequence: int, start: float,
                    stop: float) -> list[Solid]:
    """All solids of the blocks that touch ``start <= along <= stop``, in a fixed order."""
    solids = []
    first, last = (int(np.floor(end / BLOCK_LENGTH)) for end in (start, stop))
    for block in range(first, last + 1):
        rng = seeded_generator('objects', seed, sequence, block)
        solids += _BlockBuilder(ground, rng, block).build()
    return solids


def leading_vehicle(ground: StreetGround, rng: np.random.Generator, along: float,
                    lateral: float) -> list[Solid]:
    """The vehicle ahead in the sensor's own lane, in about a third of the scans."""
    if rng.random() > 0.35:
        return []
    ahead = along + rng.uniform(9, 35)
    x, y = ground.to_world(ahead, lateral + rng.normal(0, 0.2))
    z = float(ground.height(np.array([x]), np.array([y]))[0])
    place = Place(x, y, z, float(ground.heading(ahead)) + rng.normal(0, 0.03))
    return objects.truck(rng, place) if rng.random() < 0.2 else objects.car(rng, place)


class _BlockBuilder:
    """Objects of one block. Nothing is put into the sensor's lane, the inner right one."""

    def __init__(self, ground: StreetGround, rng: np.random.Generator, block: int) -> None:
        self.ground, self.rng, self.block = ground, rng, block
        self.style = ground.style
        self.plan = ground.plans[block - ground.first_block]
        self.start = block * BLOCK_LENGTH
        self.solids: list[Solid] = []

    def build(self) -> list[Solid]:
        for side in (_RIGHT, _LEFT):
            self._parked_vehicles(side)
            self._street_furniture(side)
            self._border(side)
            self._yard(side)
            self._houses(side)
            self._people(side)
        self._traffic()
        if self.plan.crossing_half_width:
            self._side_street()
        return self.solids

    def _place(self, side: int, along: float, distance: float, turn: float = 0.0) -> Place:
        """Place on a side of the street, looking along it; +y of the place is away from it."""
        x, y = self.ground.to_world(along, distance if side == _LEFT else -distance)
        z = float(self.ground.height(np.array([x]), np.array([y]))[0])
        return Place(x, y, z, float(self.ground.heading(along)) + turn
                     + (0.0 if side == _LEFT else np.pi))

    def _add(self, factory: ObjectFactory, side: int, along: float, distance: float,
             turn: float = 0.0) -> None:
        in_side_street = (abs(along - self.start - BLOCK_LENGTH / 2)
                          < self.plan.crossing_half_width + 0.5)
        if not in_side_street or not self.plan.crossing_half_width:
            self.solids += factory(self.rng, self._place(side, along, distance, turn))

    def _vehicle(self) -> ObjectFactory:
        return objects.truck if self.rng.random() < self.style.trucks else objects.car

    def _parked_vehicles(self, side: int) -> None:
        rng, edges = self.rng, self.ground.outer_edges(self.block, side)
        width = self.plan.sides[side].parking
        # Where there is no lane for it, cars stand with two wheels on the sidewalk.
        chance = self.style.parked_cars if width else 0.12
        distance = edges[1] - (width / 2 if width else -0.2)
        for along in np.arange(self.start + 3.0, self.start + BLOCK_LENGTH - 2.5, 6.0):
            if rng.random() < chance:
                turn = rng.normal(0, 0.04) + (np.pi if rng.random() < 0.2 else 0.0)
                self._add(self._vehicle(), side, along + rng.normal(0, 0.25),
                          distance + rng.normal(0, 0.12), turn)

    def _street_furniture(self, side: int) -> None:
        """One row of trees, posts and signs, between road and sidewalk or behind it."""
        rng, plan = self.rng, self.plan.sides[side]
        edges = self.ground.outer_edges(self.block, side)
        inner = rng.random() < 0.7
        distance = edges[1] + max(0.4, plan.verge / 2) if inner else edges[3] + 0.5
        along = self.start + rng.uniform(0.5, 4.0)
        while along < self.start + BLOCK_LENGTH:
            pick, green = rng.random(), 0.34 * self.style.greenery
            factory = (objects.tree if pick < green else objects.pole if pick < green + 0.28
                       else objects.traffic_sign if pick < green + 0.46
                       else objects.street_cabinet if pick < green + 0.54 else None)
            if factory is not None:
                facing = np.pi if factory is objects.traffic_sign and side == _LEFT else 0.0
                self._add(factory, side, along, distance + rng.normal(0, 0.15),
                          facing + rng.normal(0, 0.1))
            along += rng.uniform(3.5, 8.0)

    def _border(self, side: int) -> None:
        plan, rng = self.plan.sides[side], self.rng
        if plan.border == 'open':
            return
        distance = self.ground.outer_edges(self.block, side)[3] + 0.3
        for along in np.arange(self.start + 2.0, self.start + BLOCK_LENGTH, 4.0):
            if rng.random() < 0.8:  # the rest are gates
                kind = plan.border if rng.random() < 0.85 else str(rng.choice(['hedge', 'fence']))
                self._add(partial(objects.border, kind=kind, length=4.05), side, along, distance)

    def _yard(self, side: int) -> None:
        plan, rng = self.plan.sides[side], self.rng
        near = self.ground.outer_edges(self.block, side)[3] + 1.2
        if plan.yard == PARKING and plan.setback > 6:
            for along in np.arange(self.start + 1.5, self.start + BLOCK_LENGTH - 1, 2.8):
                if rng.random() < self.style.parked_cars:
                    self._add(self._vehicle(), side, along, near + 2.8 + rng.normal(0, 0.2),
                              np.pi / 2 + rng.normal(0, 0.06))
            return
        far = near + plan.setback - 1.0
        if far <= near:
            return
        count = int(rng.poisson(0.12 * self.style.greenery * plan.setback * BLOCK_LENGTH / 2))
        for _ in range(count):
            factory = objects.tree if rng.random() < 0.3 else objects.bush
            self._add(factory, side, self.start + rng.uniform(0, BLOCK_LENGTH),
                      rng.uniform(near, far), rng.uniform(0, 2 * np.pi))
        if plan.built and plan.setback > 5.5 and rng.random() < 0.4:
            self._add(objects.car, side, self.start + rng.uniform(3, BLOCK_LENGTH - 3),
                      near + 2.5, np.pi / 2)

    def _houses(self, side: int) -> None:
        plan, rng = self.plan.sides[side], self.rng
        front = self.ground.outer_edges(self.block, side)[3] + plan.setback
        if not plan.built:
            if not self.plan.crossing_half_width and rng.random() < 0.4 + 0.5 * self.style.greenery:
                for along in np.arange(self.start, self.start + BLOCK_LENGTH, 2.6):
                    self._add(objects.thicket, side, along + rng.normal(0, 0.5),
                              front + rng.normal(0, 1.5), rng.uniform(0, 2 * np.pi))
            return
        along = self.start
        while along < self.start + BLOCK_LENGTH - 5:
            width = min(rng.uniform(7, 20), self.start + BLOCK_LENGTH - along)
            depth = rng.uniform(7, 12)
            self._add(partial(objects.building, width=width, depth=depth),
                      side, along + width / 2, front + max(0.0, rng.normal(0, 0.5)))
            along += width + (rng.uniform(2, 6) if rng.random() < 0.5 else 0.05)
        if rng.random() < 0.5:  # a second row shows through the gaps
            self._add(partial(objects.building, width=18.0, depth=10.0), side,
                      self.start + BLOCK_LENGTH / 2, front + 18.0)

    def _people(self, side: int) -> None:
        rng, plan = self.rng, self.plan.sides[side]
        edges = self.ground.outer_edges(self.block, side)
        on_foot = edges[2] + max(plan.sidewalk, 1.0) * 0.5
        for _ in range(int(rng.poisson(0.7))):
            self._add(objects.person, side, self.start + rng.uniform(0, BLOCK_LENGTH),
                      on_foot + rng.normal(0, 0.4), rng.uniform(0, 2 * np.pi))
        if rng.random() < 0.35:  # bicycles lean together
            along = self.start + rng.uniform(2, BLOCK_LENGTH - 2)
            for position in range(int(rng.integers(1, 5))):
                self._add(objects.bicycle, side, along + 0.6 * position,
                          edges[3] - 0.4 + rng.normal(0, 0.1), np.pi / 2 + rng.normal(0, 0.2))
        if rng.random() < 0.22:
            self._add(objects.bicyclist, side, self.start + rng.uniform(0, BLOCK_LENGTH),
                      edges[0] - 0.5, rng.normal(0, 0.1))

    def _traffic(self) -> None:
        if self.rng.random() < 0.3:
            self._add(self._vehicle(), _LEFT, self.start + self.rng.uniform(4, BLOCK_LENGTH - 4),
                      self.style.road_half_width / 2, np.pi + self.rng.normal(0, 0.03))

    def _side_street(self) -> None:
        """Cars, trees and houses along the street that crosses, square to the main one."""
        rng, middle = self.rng, self.start + BLOCK_LENGTH / 2
        for side in (_RIGHT, _LEFT):
            begin = self.ground.outer_edges(self.block, side)[3] + 4.0
            for distance in np.arange(begin, 42.0, 6.5):
                for edge in (-1, 1):
                    along = middle + edge * (self.plan.crossing_half_width - 1.0)
                    if rng.random() < 0.4 * self.style.parked_cars:
                        place = self._place(side, along, distance, np.pi / 2 + rng.normal(0, 0.05))
                        self.solids += self._vehicle()(rng, place)
                    if rng.random() < 0.5:
                        self._add(objects.tree if rng.random() < 0.7 else objects.bush, side,
                                  along + edge * 3.0, distance + rng.normal(0, 1))
            if rng.random() < 0.5:  # the view down a side street ends somewhere
                place = self._place(side, middle, 44.0)
                self.solids += objects.building(rng, place, 24.0, 8.0)
