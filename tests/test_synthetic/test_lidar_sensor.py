import numpy as np
import pytest

from erda.synthetic.lidar_sensor import LidarSensor, Surface, cast_rays, scan_scene
from erda.synthetic.solids import Solid, ray_interval, stack_solids

EXACT = LidarSensor(beams=16, azimuth_steps=400, range_noise=0.0, dropout=0.0, outliers=0.0)
ORIGIN = np.array([0.0, 0.0, 1.73])
CAR, BUILDING, ROAD, VEGETATION = 10, 50, 40, 70


class FlatGround:
    def height(self, x, y):
        return np.zeros_like(x)

    def surface(self, x, y):
        return Surface(np.full(x.shape, ROAD, np.uint32), np.full(x.shape, 0.5), np.zeros(x.shape))


class Ramp(FlatGround):
    def height(self, x, y):
        return 0.1 * np.maximum(x - 5.0, 0.0)


def scan(solids, ground=None, sensor=EXACT, heading=0.0, seed=0):
    return scan_scene(sensor, ORIGIN, heading, ground or FlatGround(), solids,
                      np.random.default_rng(seed))


PARKED_CAR = Solid('box', (20, 0, 0.8), (0.9, 2, 0.8), CAR, 0.6)
WALL = Solid('box', (10, 0, 2), (0.2, 3, 2.5), BUILDING, 0.6)


def test_wall_hides_the_car_behind_it():
    assert np.count_nonzero(scan([PARKED_CAR]).labels == CAR) > 20
    hidden = scan([PARKED_CAR, WALL])
    assert np.count_nonzero(hidden.labels == BUILDING) > 20
    assert CAR not in hidden.labels


def test_nothing_is_returned_from_behind_an_opaque_surface():
    points = scan([PARKED_CAR, WALL]).points
    toward_wall = (points[:, 0] > 0) & (np.abs(points[:, 1] / points[:, 0]) < 0.25)
    assert toward_wall.any()
    assert points[toward_wall, 0].max() < 10.2


def test_order_of_solids_does_not_matter_for_opaque_scenes():
    first, second = scan([PARKED_CAR, WALL]), scan([WALL, PARKED_CAR])
    assert np.array_equal(first.points, second.points)


def test_foliage_lets_part_of_the_rays_through():
    hedge = Solid('box', (10, 0, 2), (0.5, 3, 2.5), VEGETATION, 0.6, mean_free_path=1.0)
    labels = scan([PARKED_CAR, hedge]).labels
    assert CAR in labels and VEGETATION in labels
    assert np.count_nonzero(labels == CAR) < np.count_nonzero(scan([PARKED_CAR]).labels == CAR)


@pytest.mark.parametrize('ground', [FlatGround(), Ramp()])
def test_ground_returns_lie_on_the_height_field(ground):
    points, labels = scan([], ground)
    points = points[labels == ROAD].astype(np.float64)  # without mixed returns at edges
    assert len(points) > 1000
    expected = ground.height(points[:, 0], points[:, 1]) - ORIGIN[2]
    assert np.abs(points[:, 2] - expected).max() < 0.01


def test_culling_loses_no_ray():
    rng = np.random.default_rng(1)
    solids = [Solid(shape, tuple(rng.uniform(-12, 12, 2)) + (rng.uniform(0, 4),),
                    tuple(rng.uniform(0.1, 2.0, 3)), VEGETATION, 0.5, yaw=rng.uniform(0, 6),
                    lean=rng.uniform(0, 0.3)) for shape in ['box', 'cylinder', 'ellipsoid'] * 10]
    table = stack_solids(solids)
    hits = cast_rays(EXACT, ORIGIN, 0.3, FlatGround(), table, np.random.default_rng(0))
    ground = cast_rays(EXACT, ORIGIN, 0.3, FlatGround(), stack_solids([]),
                       np.random.default_rng(0)).ranges
    expected = ground.copy()
    for index in range(len(solids)):
        near, far = ray_interval(table, index, ORIGIN, hits.directions)
        near = np.maximum(near, 0.0)
        expected = np.where((near <= far) & (near < expected), near, expected)
    assert np.array_equal(hits.ranges, expected)


def test_heading_turns_the_scan():
    ahead = scan([WALL], heading=0.0)
    turned = scan([WALL], heading=np.pi / 2)
    center = [s.points[s.labels == BUILDING, :2].mean(axis=0) for s in (ahead, turned)]
    assert center[0] == pytest.approx([9.8, 0.0], abs=0.2)
    assert center[1] == pytest.approx([0.0, -9.8], abs=0.2)


def test_range_noise_has_the_given_spread():
    noisy = LidarSensor(beams=16, azimuth_steps=400, range_noise=0.05, dropout=0.0, outliers=0.0)
    points = scan([], sensor=noisy).points.astype(np.float64)
    elevation = np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1]))
    error = np.linalg.norm(points[:, :3], axis=1) - ORIGIN[2] / np.sin(-elevation)
    assert error.std() == pytest.approx(0.05, rel=0.1)
    assert abs(error.mean()) < 0.01


def test_dark_and_far_surfaces_return_less():
    def returns(distance, remission):
        wall = Solid('box', (distance, 0, 1.73), (0.1, 0.5 * distance, 0.03 * distance),
                     BUILDING, remission)
        return np.count_nonzero(scan([wall]).labels == BUILDING)

    assert returns(10, 0.05) < 0.9 * returns(10, 0.7)
    assert returns(45, 0.3) < 0.95 * returns(10, 0.3)


@pytest.mark.parametrize('wrong', [
    {'beams': 0}, {'azimuth_steps': 0}, {'elevation_deg': (5.0, -5.0)}, {'height': 0.0},
    {'min_range': 60.0}, {'range_noise': -1.0}, {'dropout': 1.0}])
def test_impossible_sensors_are_refused(wrong):
    with pytest.raises(ValueError):
        LidarSensor(**wrong)
