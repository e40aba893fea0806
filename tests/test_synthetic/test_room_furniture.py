import numpy as np
import pytest

from erda.synthetic import room_furniture
from erda.synthetic.room_surfaces import BOARD, BOOKCASE, CHAIR, CLUTTER, SOFA, TABLE


def extent(things):
    """Lowest and highest x, y, z of all parts."""
    corners = []
    for part in (part for thing in things for part in thing):
        cos_yaw, sin_yaw = abs(np.cos(part.yaw)), abs(np.sin(part.yaw))
        half_x, half_y, half_z = part.half_size
        half = np.array([cos_yaw * half_x + sin_yaw * half_y, sin_yaw * half_x + cos_yaw * half_y, half_z])
        corners += [part.center - half, part.center + half]
    return np.min(corners, axis=0), np.max(corners, axis=0)


@pytest.mark.parametrize(('factory', 'arguments', 'label'), [
    ('chair', (), CHAIR), ('sofa', (), SOFA), ('bookcase', (), BOOKCASE), ('floor_clutter', (), CLUTTER),
    ('table', (1.6, 0.8, 0.73), TABLE), ('table', (1.0, 1.0, 0.73), TABLE),
    ('laid_table', (1.8, 0.9, 0.73, 6, True), TABLE)])
def test_furniture_stands_on_the_floor_inside_its_box(factory, arguments, label):
    for seed in range(40):
        piece = getattr(room_furniture, factory)(np.random.default_rng(seed), *arguments)
        low, high = extent(piece.things[:1])
        assert {part.label for part in piece.things[0]} == {label}
        assert 0 <= low[2] <= 0.1
        assert piece.height - 0.2 < high[2] < piece.height + 0.1
        low, high = extent(piece.things)
        assert (np.abs([low[:2], high[:2]]) <= np.array([piece.length, piece.depth]) / 2 + 0.05).all()


@pytest.mark.parametrize(('factory', 'label'), [('board', BOARD), ('wall_clutter', CLUTTER)])
def test_what_hangs_on_a_wall_stays_in_front_of_it(factory, label):
    for seed in range(20):
        piece = getattr(room_furniture, factory)(np.random.default_rng(seed))
        low, high = extent(piece.things)
        assert low[1] >= 0 and high[1] < 0.15
        assert np.allclose([low[2], high[2]], [-piece.height / 2, piece.height / 2])
        assert {part.label for part in piece.things[0]} == {label}


def test_things_on_a_table_are_clutter_that_touches_its_top():
    piece = room_furniture.laid_table(np.random.default_rng(0), 1.8, 0.9, 0.73, 6, screen=True)
    assert len(piece.things) == 8
    for thing in piece.things[1:]:
        assert {part.label for part in thing} == {CLUTTER}
        assert extent([thing])[0][2] == pytest.approx(0.73)


def test_every_part_has_one_color_in_range():
    rng = np.random.default_rng(0)
    colors = np.array([room_furniture.paint(rng, *room_furniture.MATERIALS) for _ in range(500)])
    assert colors.shape == (500, 3) and colors.min() >= 0 and colors.max() <= 255


def test_colors_of_chairs_sofas_and_bookcases_overlap():
    def brightness(factory):
        return [np.mean(factory(np.random.default_rng(seed)).things[0][0].color) for seed in range(60)]

    chairs, sofas, cases = map(brightness, (room_furniture.chair, room_furniture.sofa, room_furniture.bookcase))
    for one, other in [(chairs, sofas), (sofas, cases), (chairs, cases)]:
        assert np.quantile(one, 0.2) < np.quantile(other, 0.8) and np.quantile(other, 0.2) < np.quantile(one, 0.8)
