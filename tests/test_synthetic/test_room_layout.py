import itertools

import numpy as np
import pytest
from test_room_furniture import extent

from erda.synthetic.room_layout import ROOM_KINDS, plan_room
from erda.synthetic.room_surfaces import BOARD, BOOKCASE, CHAIR, COLUMN, SOFA, TABLE

LARGE = (TABLE, SOFA, BOOKCASE, COLUMN)


@pytest.fixture(scope='module')
def plans():
    return [(kind, plan_room(np.random.default_rng(seed), kind)) for kind in ROOM_KINDS for seed in range(12)]


def test_sizes_are_those_of_the_kind(plans):
    for kind, (size, _, _) in plans:
        ranges = ROOM_KINDS[kind]
        assert 2.5 <= size.height <= 3.5
        long, short = sorted((size.length, size.width), reverse=True)
        assert short <= ranges.width[1] and long <= max(ranges.length[1], ranges.width[1])


def test_furniture_stands_inside_the_room(plans):
    for _, plan in plans:
        for thing in plan.things:
            if thing[0].label in (*LARGE, CHAIR, BOARD):
                low, high = extent([thing])
                assert (low[:2] > -0.03).all() and low[2] > -1e-9
                assert (high < np.array(plan.size) + 0.03).all()


def test_large_pieces_do_not_intersect(plans):
    for _, plan in plans:
        boxes = [extent([thing]) for thing in plan.things if thing[0].label in LARGE]
        for (low, high), (other_low, other_high) in itertools.combinations(boxes, 2):
            assert not ((low[:2] < other_high[:2] - 1e-6) & (other_low[:2] < high[:2] - 1e-6)).all()


def test_tables_have_chairs(plans):
    near = 0
    tables = [(plan, thing) for kind, plan in plans if kind == 'conferenceRoom' for thing in plan.things
              if thing[0].label == TABLE]
    for plan, thing in tables:
        low, high = extent([thing])
        near += any((np.array(chair[0].center)[:2] > low[:2] - 0.6).all()
                    and (np.array(chair[0].center)[:2] < high[:2] + 0.6).all()
                    for chair in plan.things if chair[0].label == CHAIR)
    assert near > 0.6 * len(tables)


def test_same_generator_gives_the_same_room():
    plans = [plan_room(np.random.default_rng(5), 'office') for _ in range(2)]
    assert plans[0] == plans[1]
    assert plan_room(np.random.default_rng(6), 'office') != plans[0]


def test_boards_hang_above_the_floor(plans):
    boards = [extent([thing]) for _, plan in plans for thing in plan.things if thing[0].label == BOARD]
    assert len(boards) > 10
    assert min(low[2] for low, _ in boards) >= 0.7
