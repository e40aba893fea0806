import numpy as np

STEP, STEPS = 0.01, 1000
PULL = 10  # to the centre, beside how points push each other away


def kernel_points(number: int) -> np.ndarray:
    """Points that are spread evenly about one in the centre, the same ones each time.

    They push each other away like charges and are pulled to the centre like springs, and come to rest.

    Args:
        number: P, at least 2.

    Returns: ``[P, 3]`` float64, the first the centre, the others at a distance of 1 on average.

    Source: KPConv, section 3.3, https://arxiv.org/abs/1904.08889

    Examples:
        >>> points = kernel_points(3)
        >>> np.linalg.norm(points[:, None] - points, axis=2).round(3).tolist()
        [[0.0, 1.0, 1.0], [1.0, 0.0, 2.0], [1.0, 2.0, 0.0]]
    """
    # Begin on a spiral around the sphere.
    index = np.arange(number - 1)
    z = 1 - (2 * index + 1) / (number - 1)
    around = index * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z**2)
    points = np.concatenate([np.zeros((1, 3)), np.stack([ring * np.cos(around), ring * np.sin(around), z], axis=1)])
    for _ in range(STEPS):
        points[1:] -= STEP * kernel_forces(points)[1:]
    return points / np.linalg.norm(points[1:], axis=1).mean()


def kernel_forces(points: np.ndarray) -> np.ndarray:
    """``[P, 3]``, the gradient of the energy by each of the points."""
    differences = points[:, None] - points
    distances = np.linalg.norm(differences, axis=2, keepdims=True)
    np.einsum('iik->ik', distances)[:] = np.inf  # nobody pushes himself
    return PULL * points - (differences / distances**3).sum(axis=1)
