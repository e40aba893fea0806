import numpy as np
import pytest

from erda.synthetic.street_ground import BLOCK_LENGTH, ROAD, SIDEWALK, TERRAIN, StreetGround, seeded_generator


@pytest.fixture(scope='module')
def ground():
    return StreetGround(seed=0, sequence=1, start=-50.0, stop=50.0)


def test_generators_differ_by_every_argument():
    arguments = [('style', 0, 0, 0), ('block', 0, 0, 0), ('style', 1, 0, 0), ('style', 0, 1, 0),
                 ('style', 0, 0, 1), ('style', 0, 0, -1)]
    draws = {seeded_generator(*each).random() for each in arguments}
    assert len(draws) == len(arguments)
    first, again = (seeded_generator('block', 3, 2, 1).random() for _ in range(2))
    assert first == again


def test_a_place_is_the_same_whatever_stretch_is_built(ground):
    shifted = StreetGround(seed=0, sequence=1, start=-20.0, stop=120.0)
    x, y = np.random.default_rng(0).uniform([[-10], [-30]], [[40], [30]], (2, 500))
    assert np.array_equal(ground.height(x, y), shifted.height(x, y))
    assert all(np.array_equal(a, b) for a, b in zip(ground.surface(x, y), shifted.surface(x, y)))


def test_the_center_is_road_and_the_far_yard_is_not():
    labels = {'center': [], 'yard': []}
    for sequence in range(4):
        ground = StreetGround(0, sequence, 0.0, 100.0)
        for along in np.arange(0.5, 100.0):
            if ground.plans[int(along // BLOCK_LENGTH)].crossing_half_width:
                continue
            for name, lateral in (('center', 1.0), ('yard', 18.0)):
                x, y = np.reshape(ground.to_world(along, lateral), (2, 1))
                labels[name].append(int(ground.surface(x, y).label[0]))
    assert set(labels['center']) == {ROAD}
    # Around a bend a far place may fall into the next block, which may be a side street.
    assert np.mean(np.array(labels['yard']) == ROAD) < 0.1


def test_to_world_keeps_the_distance_from_the_center_line(ground):
    for lateral in (-8.0, 5.0):
        x, y = ground.to_world(12.0, lateral)
        heading = float(ground.heading(12.0))
        offset = np.array([x - 12.0, y - float(ground.center_line(12.0))])
        assert np.hypot(*offset) == pytest.approx(abs(lateral))
        assert offset @ [np.cos(heading), np.sin(heading)] == pytest.approx(0, abs=1e-9)


def test_grass_grows_on_terrain_only(ground):
    x, y = np.random.default_rng(1).uniform(-40, 40, (2, 5000))
    surface = ground.surface(x, y)
    assert {ROAD, SIDEWALK, TERRAIN} <= set(surface.label.tolist())
    assert np.array_equal(surface.grass > 0, surface.label == TERRAIN)


def test_remission_alone_does_not_separate_road_from_sidewalk():
    remission = {ROAD: [], SIDEWALK: []}
    x, y = np.random.default_rng(2).uniform(-40, 40, (2, 2000))
    for sequence in range(6):
        surface = StreetGround(0, sequence, -50.0, 50.0).surface(x, y)
        for label, values in remission.items():
            values.append(surface.remission[surface.label == label])
    road, sidewalk = (np.sort(np.concatenate(values)) for values in remission.values())
    chance_sidewalk_is_brighter = np.searchsorted(road, sidewalk).mean() / len(road)
    assert 0.5 < chance_sidewalk_is_brighter < 0.95
