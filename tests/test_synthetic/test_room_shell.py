import numpy as np
import pytest

from erda.synthetic.room_shell import Shell
from erda.synthetic.room_surfaces import BEAM, CEILING, COLUMN, DOOR, FLOOR, WALL, WINDOW
from erda.synthetic.room_walls import RoomSize

SIZE = RoomSize(7.0, 5.0, 2.8)


@pytest.fixture(scope='module')
def shells():
    return [Shell(np.random.default_rng(seed), SIZE, doors=2, windows=2) for seed in range(40)]


def things_of(shell, label):
    return [thing for thing in shell.things if thing[0].label == label]


def test_every_room_is_closed_and_has_doors(shells):
    for shell in shells:
        assert [len(things_of(shell, label)) for label in (CEILING, FLOOR, WALL)] == [1, 1, 4]
        assert 1 <= len(things_of(shell, DOOR)) <= 2
        assert len(things_of(shell, WINDOW)) <= 2
    assert np.mean([len(things_of(shell, WINDOW)) for shell in shells]) > 1


def test_a_part_of_the_rooms_has_beams_and_columns(shells):
    for label in (BEAM, COLUMN):
        assert 5 < sum(bool(things_of(shell, label)) for shell in shells) < 35


def test_beams_hang_under_the_ceiling_from_wall_to_wall(shells):
    for (beam,) in (thing for shell in shells for thing in things_of(shell, BEAM)):
        assert beam.center[2] + beam.half_size[2] == pytest.approx(SIZE.height)
        assert beam.center[2] - beam.half_size[2] > 2.3
        assert any(np.isclose(beam.half_size[axis], SIZE[axis] / 2) for axis in (0, 1))


def test_columns_reach_from_floor_to_ceiling_inside_the_room(shells):
    for (column,) in (thing for shell in shells for thing in things_of(shell, COLUMN)):
        assert column.half_size[2] == column.center[2] == SIZE.height / 2
        assert (np.subtract(column.center, column.half_size) > -1e-9).all()
        assert (np.add(column.center, column.half_size) < np.array(SIZE) + 1e-9).all()


def test_no_column_stands_in_a_door(shells):
    for shell in shells:
        for (column,) in things_of(shell, COLUMN):
            for part in (part for thing in things_of(shell, DOOR) for part in thing):
                gap = np.abs(np.subtract(column.center, part.center))[:2] - column.half_size[:2]
                assert gap.max() > 0
