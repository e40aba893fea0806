import numpy as np

from erda.backbones.kernel_points import kernel_forces, kernel_points


def test_forces_are_the_gradient_of_the_energy():

    def energy(points):
        pairs = [(i, j) for i in range(len(points)) for j in range(i)]
        return 5 * (points**2).sum() + sum(1 / np.linalg.norm(points[i] - points[j]) for i, j in pairs)

    points = np.random.default_rng(0).random((5, 3))
    for i in range(5):
        for axis in range(3):
            moved = np.zeros_like(points)
            moved[i, axis] = 1e-5
            slope = (energy(points + moved) - energy(points - moved)) / 2e-5
            assert np.isclose(kernel_forces(points)[i, axis], slope, rtol=1e-5)


def test_points_are_at_rest_and_spread_around_the_centre():
    points = kernel_points(15)
    assert points.shape == (15, 3) and not points[0].any()
    distances = np.linalg.norm(points[1:], axis=1)
    assert np.isclose(distances.mean(), 1) and distances.std() < 0.02
    gaps = np.linalg.norm(points[:, None] - points, axis=2) + 9 * np.eye(15)
    assert gaps.min() > 0.8
    assert np.abs(points.sum(axis=0)).max() < 0.05
