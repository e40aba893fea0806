import numpy as np
import pytest

from erda.clouds.blocks import BlockCache
from erda.clouds.cloud_files import PointCloud
from erda.inference.block_prediction import BlockLayout, plan_blocks, predict_blocks
from erda.inference.tile_store import TileStore


def store_of(folder, xyz):
    folder.mkdir(exist_ok=True)
    store = TileStore(folder, 10, 2)
    store.add(PointCloud(xyz, {}), [])
    return store


def points(count=2000, size=40, seed=0):
    return np.random.default_rng(seed).uniform(-size / 2, size / 2, (count, 3))


@pytest.mark.parametrize('layout', [
    BlockLayout(10, 2), BlockLayout(10, 2, max_points=100, min_points=10), BlockLayout(10, 0, min_points=1),
    BlockLayout(10, 2, max_points=10_000, whole=True), BlockLayout(10, 5, max_points=30, min_points=1)])
def test_every_point_is_the_core_of_one_block(tmp_path, layout):
    xyz = points()
    store = store_of(tmp_path / 'tiles', xyz)
    blocks = list(plan_blocks(store, layout))
    assert sum(block.core_points for block in blocks) == len(xyz)
    assert np.any([block.region.holds(xyz) for block in blocks], axis=0).all()
    largest = max(store.count(block.region) for block in blocks)
    assert largest <= layout.max_points
    if not layout.whole:
        assert min(store.count(block.region) for block in blocks) >= layout.min_points


def test_mean_over_overlapping_blocks_equals_a_slow_loop(tmp_path):
    xyz = points()
    layout = BlockLayout(10, 3, min_points=1)
    store = store_of(tmp_path / 'tiles', xyz)

    def predict(cloud):  # depends on the block, as a network does
        share = 1 / (1 + np.exp(cloud.xyz[:, 2] + len(cloud.xyz) % 7 - 3))
        return np.stack([share, 1 - share], axis=1).astype(np.float32)

    done = []
    predict_blocks(store, layout, predict, done.append)
    result, = store.probabilities()
    assert sum(done) == len(xyz)
    expected = np.zeros((len(xyz), 2))
    count = np.zeros(len(xyz))
    low, cell = xyz.min(0), np.ptp(xyz, axis=0) / 6  # 40 m at 7 m from block to block
    for column in range(6):
        for row in range(6):
            x, y = low[0] + column * cell[0], low[1] + row * cell[1]
            inside = [i for i, p in enumerate(xyz)
                      if x - 1.5 <= p[0] < x + cell[0] + 1.5 and y - 1.5 <= p[1] < y + cell[1] + 1.5]
            expected[inside] += predict(PointCloud(xyz[inside], {}))
            count[inside] += 1
    assert count.max() == 4
    np.testing.assert_allclose(result, expected / count[:, None], rtol=1e-5)


def test_blocks_are_those_of_training(tmp_path):
    xyz = points(3000, 70)
    np.save(tmp_path / 'a.npy', xyz)
    cache = BlockCache(tmp_path / 'a.npy', tmp_path, 20, 4, [])
    store = store_of(tmp_path / 'tiles', xyz)
    blocks = list(plan_blocks(store, BlockLayout(20, 4, min_points=1)))
    assert len(blocks) == len(cache.counts) == 25
    for block, key in zip(blocks, sorted(cache.counts)):
        of_training = cache.read(key)
        np.testing.assert_array_equal(store.read(block.region).cloud.xyz, of_training.cloud.xyz)
        assert block.core_points == of_training.core.sum()


def test_a_stray_point_far_away_costs_nothing(tmp_path):
    store = store_of(tmp_path / 'tiles', np.concatenate([points(size=8), [[1e9, -1e9, 0]]]))
    blocks = list(plan_blocks(store, BlockLayout(10, 2, min_points=1)))
    assert len(blocks) < 10 and sum(block.core_points for block in blocks) == 2001


def test_a_small_file_across_tiles_is_one_block(tmp_path):
    store = store_of(tmp_path / 'tiles', points(size=8))
    assert len(store.counts) == 4 and len(list(plan_blocks(store, BlockLayout(10, 2)))) == 1


def test_lonely_points_get_company(tmp_path):
    xyz = np.concatenate([points(500, 10), [[300, 300, 0]]])
    store = store_of(tmp_path / 'tiles', xyz)
    lonely = list(plan_blocks(store, BlockLayout(10, 2, min_points=50)))[-1]
    assert lonely.core_points == 1 and store.count(lonely.region) >= 50


def test_equal_points_end_the_splitting(tmp_path):
    store = store_of(tmp_path / 'tiles', np.concatenate([np.ones((200, 3)), [[50, 50, 0]]]))
    blocks = plan_blocks(store, BlockLayout(10, 2, max_points=20, min_points=1))
    assert sum(block.core_points for block in blocks) == 201
