import numpy as np
import pytest

from erda.clouds.cloud_files import PointCloud
from erda.inference.tile_store import Region, TileStore


def cloud(points=300, seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform([-15, -5, 0], [15, 20, 3], (points, 3)) + [500_000, 5_000_000, 0]
    return PointCloud(xyz, dict(intensity=rng.integers(0, 9, points).astype(np.uint16), unused=rng.random(points)))


def chunks(whole, size):
    for start in range(0, len(whole.xyz), size):
        yield PointCloud(whole.xyz[start:start + size],
                         {name: values[start:start + size] for name, values in whole.fields.items()})


def filled(folder, whole, size, num_classes=2):
    folder.mkdir()
    store = TileStore(folder, 10, num_classes)
    for chunk in chunks(whole, size):
        store.add(chunk, ['intensity'])
    return store


@pytest.mark.parametrize('size', [1, 7, 1000])
def test_regions_are_read_in_the_order_of_the_file(tmp_path, size, monkeypatch):
    monkeypatch.setattr('erda.inference.tile_store.READ_POINTS', 11)
    whole = cloud()
    store = filled(tmp_path / 'tiles', whole, size)
    assert store.num_points == 300 and len(store.counts) >= 6
    for region in (Region(499_993, 4_999_998, 500_008, 5_000_011), store.bounds, Region(0, 0, 1, 1)):
        inside = region.holds(whole.xyz)
        block = store.read(region)
        assert store.count(region) == inside.sum()
        np.testing.assert_array_equal(block.cloud.xyz, whole.xyz[inside])
        np.testing.assert_array_equal(block.cloud.fields['intensity'], whole.fields['intensity'][inside])
        assert list(block.cloud.fields) == ['intensity']
    assert store.bounds.holds(whole.xyz).all()


@pytest.mark.parametrize('size', [7, 1000])
def test_votes_equal_a_slow_loop(tmp_path, size):
    whole = cloud()
    store = filled(tmp_path / 'tiles', whole, size)
    votes, count = np.zeros((300, 2)), np.zeros(300)
    rng = np.random.default_rng(1)
    for region in (store.bounds, Region(499_990, 5_000_000, 500_005, 5_000_010), Region(500_000, 0, 500_008, 6e6)):
        block = store.read(region)
        prediction = rng.random((len(block.cloud.xyz), 2), dtype=np.float32)
        store.vote(block, prediction)
        for point, row in zip(np.flatnonzero(region.holds(whole.xyz)), prediction):
            votes[point] += row
            count[point] += 1
    result = list(store.probabilities())
    assert [len(part) for part in result] == [len(part.xyz) for part in chunks(whole, size)]
    np.testing.assert_allclose(np.concatenate(result), votes / count[:, None], rtol=1e-6)


def test_a_point_without_a_vote_is_an_error(tmp_path):
    store = filled(tmp_path / 'tiles', cloud(), 100)
    block = store.read(Region(499_990, 0, 500_000, 6e6))
    store.vote(block, np.ones((len(block.cloud.xyz), 2), dtype=np.float32))
    with pytest.raises((ValueError, FileNotFoundError)):
        list(store.probabilities())


def test_nothing_as_long_as_the_file_stays_in_memory(tmp_path):
    sizes = []
    for points in (1000, 4000):
        store = filled(tmp_path / str(points), cloud(points), 500)
        block = store.read(store.bounds)
        store.vote(block, np.ones((points, 2), dtype=np.float32))
        del block
        assert not any(isinstance(value, np.ndarray) for value in vars(store).values())
        sizes.append(len(store.counts))
    assert sizes[0] == sizes[1]


def test_infinite_coordinates_are_an_error(tmp_path):
    with pytest.raises(ValueError, match='1 points have NaN or infinite'):
        TileStore(tmp_path, 10, 2).add(PointCloud(np.array([[0, 0, np.inf]]), {}), [])
