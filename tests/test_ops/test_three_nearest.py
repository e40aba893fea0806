import numpy as np
import pytest
from lattice_points import lattice

from erda.ops import three_nearest as module
from erda.ops.three_nearest import three_nearest


def found(target, source, few, monkeypatch):
    monkeypatch.setattr(module, 'FEW', few)
    distances, rows = np.empty((len(target), 3), source.dtype), np.empty((len(target), 3), np.int32)
    three_nearest(target, source, distances, rows)
    return distances, rows.tolist()


def clouds():
    """Ties, surfaces with holes, planes, lines, one place, and targets far from all sources."""
    rng = np.random.default_rng(0)
    room = rng.random((400, 3)).astype(np.float32)
    room[np.arange(400), rng.integers(0, 3, 400)] = rng.integers(0, 2, 400)
    clusters = (room * 0.01 + rng.integers(0, 9, (400, 1))).astype(np.float32)
    line = room * np.float32([1, 0, 0])
    return {'ties': lattice(points=400)[0], 'room': room, 'plane': room * np.float32([1, 1, 0]), 'line': line,
            'one place': room * 0 + 7, 'clusters': clusters, 'three': room[:3], 'millions': room + np.float32(2**20)}


@pytest.mark.parametrize('name', clouds())
def test_cells_equal_all_points(name, monkeypatch):
    """What looks at all points is held by the test of three_nn."""
    source = clouds()[name]
    rng = np.random.default_rng(1)
    target = np.concatenate([source[::9], source[::11] + rng.normal(0, 0.1, (len(source[::11]), 3)), [[-30, 0, 50]]])
    target = target.astype(np.float32)
    expected, expected_rows = found(target, source, 1000, monkeypatch)
    distances, rows = found(target, source, 2, monkeypatch)
    assert rows == expected_rows and np.array_equal(distances, expected)


@pytest.mark.parametrize('few', [2, 1000])
def test_not_finite(few, monkeypatch):
    """Points that are nowhere are nobody's neighbours."""
    source = np.random.default_rng(0).random((300, 3)).astype(np.float32)
    source[5] = np.nan
    distances, rows = found(source, source, few, monkeypatch)
    assert rows[5] == [0, 0, 0] and np.isinf(distances[5]).all()
    assert [row[0] for number, row in enumerate(rows) if number != 5] == [n for n in range(300) if n != 5]
