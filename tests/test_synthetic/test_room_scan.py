import numpy as np
import pytest

from erda.synthetic.room_layout import plan_room
from erda.synthetic.room_scan import POINTS_PER_ROOM, scan_room
from erda.synthetic.room_surfaces import CEILING, FLOOR, TABLE, WALL, Cover, Part

FLOOR_PLATE = [Part((2.0, 2.0, 0.0), (2.0, 2.0, 0.0), FLOOR, (120, 120, 120), faces=(0, 0, 0, 0, 0, 1))]
BLOCK = [Part((2.0, 2.0, 0.5), (0.5, 0.5, 0.5), TABLE, (200, 60, 30), faces=(1, 1, 1, 1, 0, 1))]


@pytest.fixture(scope='module')
def scan():
    rng = np.random.default_rng(0)
    plan = plan_room(rng, 'office')
    return scan_room(rng, plan.things, plan.covers)


def test_number_of_points_has_bounds(scan):
    assert POINTS_PER_ROOM[0] * 0.8 < len(scan.points) < POINTS_PER_ROOM[1] * 1.02


def test_coordinates_start_at_zero(scan):
    assert scan.points[:, :3].min(axis=0).tolist() == [0, 0, 0]


def test_colors_are_whole_numbers_of_a_byte(scan):
    color = scan.points[:, 3:]
    assert color.min() >= 0 and color.max() <= 255 and (color == np.rint(color)).all()
    assert color.std() > 15


def test_every_instance_has_one_class_and_numbers_have_no_gap(scan):
    pairs = {tuple(pair) for pair in np.stack([scan.instance_mask, scan.semantic_mask], axis=1).tolist()}
    assert sorted(instance for instance, _ in pairs) == list(range(1, len(pairs) + 1))


def test_surfaces_have_millimetres_of_noise(scan):
    for label in (FLOOR, CEILING):
        height = scan.points[scan.semantic_mask == label, 2]
        assert 0.001 < height.std() < 0.006


def test_nothing_is_seen_of_the_floor_inside_a_cover():
    cover = Cover((2.0, 2.0, 0.0), (0.5, 0.5, 0.1))
    scan = scan_room(np.random.default_rng(0), [FLOOR_PLATE, BLOCK], [cover])
    floor = scan.points[scan.semantic_mask == FLOOR]
    # Noise moves points by a centimetre at most.
    assert not (np.abs(floor[:, :2] - 2.0) < 0.45).all(axis=1).any()
    assert (scan.semantic_mask == TABLE).any() and not (scan.semantic_mask == WALL).any()
