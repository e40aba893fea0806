import numpy as np
import pytest
from viser.transforms import SO3

from erda.labelling.picking import Camera, point_on_ray, points_in_rectangle, usual_spacing, view_of


def plane(height, size=10, spacing=0.2):
    x, y = np.meshgrid(np.arange(0, size, spacing), np.arange(0, size, spacing))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], axis=1)


@pytest.fixture
def floors():
    """A roof over half of the ground, coarser than the ground."""
    return np.concatenate([plane(0), plane(5, 5, 0.25)]).astype(np.float32)


def looking_down(x, y, height=20., fov=0.8):
    """Down the z axis; right is x, and down in the picture is -y."""
    return Camera(np.array([x, y, height]), np.array([[1., 0, 0], [0, -1, 0], [0, 0, -1]]), fov, 1.0)


@pytest.mark.parametrize('tilt', [0, 0.3, 0.8])
def test_nobody_clicks_through_a_surface(floors, tilt):
    """Whatever gap between roof points a ray goes through, it is the roof that is met, close to the ray."""
    rng, spacing = np.random.default_rng(0), usual_spacing(floors)
    for x, y in rng.uniform(0.5, 4.2, (50, 2)):
        direction = np.array([tilt, 0, -1.])
        met = point_on_ray(floors, np.array([x, y, 5]) - 15 * direction, direction * 7, spacing)
        assert floors[met, 2] == 5 and np.linalg.norm(floors[met] - [x, y, 5]) < 0.3
    met = point_on_ray(floors, np.array([8., 8, 20]), np.array([0, 0, -1.]), spacing)
    assert floors[met, 2] == 0 and np.linalg.norm(floors[met] - [8, 8, 0]) < 0.15


def test_a_ray_that_meets_nothing(floors):
    assert point_on_ray(floors, np.array([5., 5, 20]), np.array([0, 0, 1.]), 0.1) is None  # all is behind the eye
    assert point_on_ray(floors, np.array([50., 5, 20]), np.array([0, 0, -1.]), 0.1) is None
    assert point_on_ray(floors[:0], np.zeros(3), np.ones(3), 0.1) is None


def test_rectangle_labels_what_nothing_hides(floors):
    """As many as a slow look along the ray to each point finds."""
    camera, spacing = looking_down(4, 4), usual_spacing(floors)
    low, high = (0.3, 0.3), (0.7, 0.7)
    found = set(points_in_rectangle(floors, camera, low, high, spacing).tolist())
    reach = 0.4 * np.tan(camera.fov / 2)
    for row, point in enumerate(floors.astype(float)):
        offset = (point - camera.position)[:2] / (20 - point[2])
        inside = (np.abs(offset) <= reach).all()
        if np.abs(np.abs(offset) - reach).min() < 1e-6:
            continue
        under = point[2] == 0 and (point[:2] + (camera.position[:2] - point[:2]) / 4 <= 4.75 + 1e-6).all()
        at_edge = point[2] == 0 and (np.abs(point[:2] + (camera.position[:2] - point[:2]) / 4 - 4.75) < 0.8).any()
        if not at_edge:
            assert (row in found) == (inside and not under), point
    assert points_in_rectangle(floors, looking_down(90, 90), low, high, spacing).tolist() == []


def test_rectangle_has_the_directions_of_viser(floors):
    """Right and down in the picture, from a camera turned as viser says it."""
    camera = looking_down(5, 5)
    turned = SO3.from_matrix(camera.rotation).as_matrix()
    np.testing.assert_allclose(turned, camera.rotation, atol=1e-6)
    right = floors[points_in_rectangle(floors, camera, (0.5, 0), (1, 1), 0.1)]
    upper = floors[points_in_rectangle(floors, camera, (0, 0), (1, 0.5), 0.1)]
    assert right[:, 0].min() >= 5 and upper[:, 1].min() >= 5 and len(right) and len(upper)


def test_a_point_under_a_roof_is_looked_at_from_the_side():
    cloud = np.concatenate([plane(0, 20), plane(3, 6)])
    point = np.array([5.5, 3, 0])
    eye = view_of(point, cloud, 8, 0.1)
    assert np.isclose(np.linalg.norm(eye - point), 8) and eye[2] > 1
    at_roof = point + (eye - point) * 3 / eye[2]
    assert not ((at_roof[:2] > 0) & (at_roof[:2] < 5.8)).all()


def test_spacing_of_few_points():
    assert usual_spacing(np.zeros((1, 3))) == 0.1 and usual_spacing(np.zeros((3, 3))) > 0
