import numpy as np
import pytest

from erda.synthetic.room_surfaces import DOOR, WALL, WINDOW, face_areas
from erda.synthetic.room_walls import WALL_DEPTH, FreeSpace, Opening, Rectangle, RoomSize, Wall, door, window

SIZE = RoomSize(6.0, 4.0, 3.0)
WHITE = (200.0, 200.0, 200.0)


def test_free_space_refuses_overlap_and_overhang():
    space = FreeSpace(4.0, 3.0, [Rectangle(0, 0, 2, 1)])
    assert space.fits(Rectangle(2, 0, 4, 1))
    assert not space.fits(Rectangle(1.9, 0.5, 3, 2))
    assert space.fits(Rectangle(1.9, 0.5, 3, 2), beside=Rectangle(0, 0, 2, 1))
    assert not space.fits(Rectangle(3, 0, 4.1, 1))


@pytest.mark.parametrize(('number', 'corner', 'middle'), [
    (0, (0, 0), (3, 1)), (1, (6, 0), (5, 2)), (2, (6, 4), (3, 3)), (3, (0, 4), (1, 2))])
def test_walls_run_around_the_room_and_face_inward(number, corner, middle):
    wall = Wall(number, SIZE)
    assert wall.floor_place(0, 0) == corner
    assert wall.floor_place(wall.length / 2, 1.0) == middle


def test_walls_and_openings_fill_the_wall():
    for seed in range(20):
        rng, wall = np.random.default_rng(seed), Wall(seed % 4, SIZE)
        for _ in range(10):
            wall.cut(rng, DOOR, 0.9, 0.0, 2.1)
            wall.cut(rng, WINDOW, 1.0, 0.9, 2.2)
        cut = sum((place.right - place.left) * (place.top - place.bottom) for _, place, _ in wall.openings)
        areas, parts = face_areas([wall.build(WHITE)]), wall.build(WHITE)
        plates = np.array([min(part.half_size[:2]) == 0 and part.faces[3] == 1 for part in parts])
        assert len(wall.openings) >= 2
        assert areas[plates].sum() + cut == pytest.approx(wall.length * wall.height)
        assert {part.label for part in parts} == {WALL}


def test_openings_stand_apart():
    wall, rng = Wall(0, RoomSize(12.0, 4.0, 3.0)), np.random.default_rng(0)
    for _ in range(30):
        wall.cut(rng, DOOR, 0.9, 0.0, 2.1)
    spans = sorted((place.left, place.right) for _, place, _ in wall.openings)
    assert len(spans) >= 3
    assert all(right < left for (_, right), (left, _) in zip(spans, spans[1:]))
    assert all(0.02 <= recess < WALL_DEPTH for _, _, recess in wall.openings)


@pytest.mark.parametrize('label', [DOOR, WINDOW])
def test_doors_and_windows_stay_in_their_opening(label):
    place = Rectangle(1.0, 0.0 if label == DOOR else 0.9, 2.0, 2.1)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        opening = Opening(label, place, 0.1)
        parts = door(rng, opening, WHITE) if label == DOOR else window(rng, opening)
        assert {part.label for part in parts} == {label}
        for part in parts:
            low, high = np.subtract(part.center, part.half_size), np.add(part.center, part.half_size)
            assert low[0] > place.left - 0.04 and high[0] < place.right + 0.04
            assert low[2] >= place.bottom - 1e-9 and high[2] <= place.top + 1e-9
            assert low[1] >= -WALL_DEPTH and high[1] < 0.1
