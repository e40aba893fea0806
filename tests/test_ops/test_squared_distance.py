from fractions import Fraction

import numpy as np
import pytest
import torch

from erda.ops.squared_distance import as_xyz, squared_distance, squared_distance_chunks, squared_distances


def rounded_once(x, y, z):
    """x * y + z with one rounding: what a fused multiply-add returns."""
    return np.float32(float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))))


def expected(center, point):
    dx, dy, dz = center - point
    return rounded_once(dz, dz, rounded_once(dx, dx, dy * dy))


def test_rounded_like_a_fused_sum():
    rng = np.random.default_rng(0)
    centers, points = rng.normal(size=(2, 30, 3)).astype(np.float32)
    found = squared_distances(torch.from_numpy(centers)[None], torch.from_numpy(points)[None])[0]
    plain = 0
    for i, center in enumerate(centers):
        for j, point in enumerate(points):
            value = expected(center, point)
            assert found[i, j] == value
            assert squared_distance(*(center - point)) == value
            plain += ((center - point)**2).sum() != value
    assert plain > 100  # Otherwise this test says nothing.


def test_double_precision():
    torch.manual_seed(0)
    centers, points = torch.randn(2, 20, 3, dtype=torch.float64)
    found = squared_distances(centers[None], points[None])
    torch.testing.assert_close(found[0], torch.cdist(centers, points)**2)


def test_chunks_cover_every_center(monkeypatch):
    monkeypatch.setattr('erda.ops.squared_distance.PAIRS_PER_CHUNK', 100)
    centers, points = torch.randn(2, 11, 3), torch.randn(2, 13, 3)
    chunks = list(squared_distance_chunks(centers, points))
    assert len(chunks) == 4
    torch.testing.assert_close(torch.cat([part for _, part in chunks], 1), squared_distances(centers, points))
    for chunk, part in chunks:
        assert part.equal(squared_distances(centers[:, chunk], points))


def test_as_xyz():
    points = torch.randn(2, 4, 3, requires_grad=True)
    assert not as_xyz(points).requires_grad
    assert as_xyz(points.half()).dtype == torch.float32
    assert as_xyz(points.double()).dtype == torch.float64
    with pytest.raises(ValueError, match=r'\[B, N, 3\] expected, \[2, 4, 2\] given'):
        as_xyz(points[..., :2])
