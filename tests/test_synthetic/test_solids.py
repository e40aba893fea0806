import numpy as np
import pytest

from erda.synthetic.solids import Solid, incidence, ray_interval, stack_solids

FORWARD = tuple(np.array([[1.0], [0.0], [0.0]]))
ORIGIN = np.zeros(3)


def entry_and_exit(solid, directions=FORWARD):
    near, far = ray_interval(stack_solids([solid]), 0, ORIGIN, directions)
    return near[0], far[0]


@pytest.mark.parametrize('shape', ['box', 'cylinder', 'ellipsoid'])
def test_ray_along_x_enters_and_leaves_at_the_half_size(shape):
    assert entry_and_exit(Solid(shape, (10, 0, 0), (2, 1, 1), 50, 0.5)) == pytest.approx((8, 12))


@pytest.mark.parametrize('shape', ['box', 'cylinder', 'ellipsoid'])
def test_ray_past_the_solid_misses(shape):
    near, far = entry_and_exit(Solid(shape, (10, 3, 0), (2, 1, 1), 50, 0.5))
    assert near > far


def test_yaw_turns_the_long_side_into_view():
    solid = Solid('box', (10, 0, 0), (3, 1, 1), 50, 0.5, yaw=np.pi / 2)
    assert entry_and_exit(solid) == pytest.approx((9, 11))


def test_lean_moves_the_top_towards_own_x():
    # Seen one metre above its centre, a cylinder that leans by 0.1 rad has moved away by tan(0.1).
    upright = entry_and_exit(Solid('cylinder', (10, 0, -1), (1, 1, 5), 71, 0.5))
    leaning = entry_and_exit(Solid('cylinder', (10, 0, -1), (1, 1, 5), 71, 0.5, lean=0.1))
    assert np.mean(leaning) - np.mean(upright) == pytest.approx(np.tan(0.1), abs=1e-9)


@pytest.mark.parametrize('shape', ['box', 'cylinder', 'ellipsoid'])
def test_random_rays_enter_where_a_dense_march_enters(shape):
    rng = np.random.default_rng(0)
    solid = Solid(shape, (6.0, 1.0, 0.5), (1.5, 0.8, 1.1), 50, 0.5, yaw=0.7, lean=0.3)
    table = stack_solids([solid])
    directions = rng.normal(size=(200, 3)) * (0.1, 0.2, 0.2) + (1, 0.15, 0.05)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    near, far = ray_interval(table, 0, ORIGIN, tuple(directions.T))
    for direction, enters, leaves in zip(directions, near, far):
        ranges = np.arange(0, 12, 0.005)
        local = (ranges[:, None] * direction - table.center[0]) @ table.axes[0] / table.half_size[0]
        radius = {'box': np.abs(local).max(1),
                  'ellipsoid': np.linalg.norm(local, axis=1),
                  'cylinder': np.maximum(np.hypot(*local[:, :2].T), np.abs(local[:, 2]))}[shape]
        inside = ranges[radius <= 1]
        if len(inside) == 0:
            assert leaves - enters < 0.005
        else:
            assert (enters, leaves) == pytest.approx((inside[0], inside[-1]), abs=0.006)


def test_incidence_is_the_cosine_to_the_normal():
    table = stack_solids([Solid('box', (10, 0, 0), (1, 5, 5), 50, 0.5),
                          Solid('ellipsoid', (0, 10, 0), (2, 2, 2), 70, 0.5),
                          Solid('cylinder', (-10, 0, 0), (1, 1, 3), 80, 0.5)])
    hits = np.array([[9.0, 2.0, 0.0], [0.0, 8.0, 0.0], [-9.0, 0.0, 1.0]])
    directions = hits / np.linalg.norm(hits, axis=1, keepdims=True)
    cosine = incidence(table, np.array([0, 1, 2]), hits, directions).cosine
    assert cosine == pytest.approx(np.abs([directions[0, 0], 1.0, directions[2, 0]]))


def test_windows_are_on_walls_only():
    table = stack_solids([Solid('box', (0, 0, 5), (5, 5, 5), 50, 0.5, glass=0.5)])
    along = np.linspace(-4.9, 4.9, 500)
    wall = np.stack([np.full(500, -5.0), along, np.full(500, 1.5)], axis=1)
    roof = np.stack([along, along, np.full(500, 10.0)], axis=1)
    index, directions = np.zeros(500, dtype=int), np.tile([1.0, 0.0, 0.0], (500, 1))
    assert 0.4 < incidence(table, index, wall, directions).on_glass.mean() < 0.6
    assert not incidence(table, index, roof, directions).on_glass.any()


def test_bad_solids_are_refused():
    with pytest.raises(ValueError, match='shape must be one of'):
        Solid('cone', (0, 0, 0), (1, 1, 1), 50, 0.5)
    with pytest.raises(ValueError, match='half_size must be positive'):
        Solid('box', (0, 0, 0), (1, 0, 1), 50, 0.5)
