from pathlib import Path

import numpy as np
import pytest

from erda.clouds.clicks import ClickedPoints
from erda.clouds.cloud_files import PointCloud
from erda.inference.block_prediction import BlockLayout
from erda.inference.stored_propagation import GraphSettings, propagate_in_blocks
from erda.inference.tile_store import TileStore
from erda.weak_labels import UNLABELED
from erda.weak_labels.label_propagation import propagate_labels
from erda.weak_labels.surface_graph import scaled_intensity

SMALL = BlockLayout(14, 6, max_points=4000, min_points=1)


def hills(count=12_000, size=40, seed=0):
    """A cloud with intensity, and clicks on it that leave most blocks of 14 m without one."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, size, (count, 2))
    xyz = np.concatenate([xy, np.sin(xy[:, :1] / 3) * np.cos(xy[:, 1:] / 4)], axis=1) + [500_000, 5_000_000, 90]
    clicked = np.sort(rng.choice(count, 8, replace=False))
    return PointCloud(xyz, {'Intensity': rng.integers(0, 900, count)}), ClickedPoints(clicked, np.arange(8) % 3)


def propagated(folder: Path, cloud, clicked, layout, chunk=5000, settings=None):
    (folder / 'paths').mkdir(parents=True)
    settings, done = settings or GraphSettings.of(cloud), []
    store = TileStore(folder, 7, 0)
    for start in range(0, len(cloud.xyz), chunk):
        part = slice(start, start + chunk)
        store.add(PointCloud(cloud.xyz[part], {name: values[part] for name, values in cloud.fields.items()}),
                  settings.fields_with([]))
    result = propagate_in_blocks(store, clicked, settings, folder / 'paths', layout, done.append)
    assert sum(done) == len(cloud.xyz)
    return result


def test_one_block_is_the_whole(tmp_path):
    cloud, clicked = hills()
    labels = np.full(len(cloud.xyz), UNLABELED)
    labels[clicked.index] = clicked.label
    scale = GraphSettings.of(cloud).scale
    expected = propagate_labels(cloud.xyz, labels, 3, scaled_intensity(cloud.fields['Intensity'], scale))
    result = propagated(tmp_path, cloud, clicked, BlockLayout(100, 4)).labels(slice(0, len(cloud.xyz)))
    assert result.label.tolist() == expected.label.tolist()
    np.testing.assert_allclose(result.confidence, expected.confidence, rtol=1e-6)
    np.testing.assert_allclose(result.cost, expected.cost, rtol=1e-6)


def test_blocks_agree_with_the_whole_although_most_have_no_label(tmp_path):
    cloud, clicked = hills()
    whole = propagated(tmp_path / 'whole', cloud, clicked, BlockLayout(100, 4)).labels(slice(0, 12_000))
    blocks = propagated(tmp_path / 'blocks', cloud, clicked, SMALL)
    parts = [blocks.labels(part) for part in (slice(0, 7000), slice(7000, 12_000))]
    label, confidence, cost = (np.concatenate(values) for values in list(zip(*parts))[:3])
    assert (whole.label >= 0).all() and len(np.unique(whole.confidence)) > 2
    assert (label == whole.label).mean() > 0.995
    np.testing.assert_allclose(cost, whole.cost, rtol=0.1, atol=0.05)
    assert (abs(confidence - whole.confidence) < 0.02).mean() > 0.98


def test_a_label_reaches_through_a_winding_corridor(tmp_path):
    """Its path leaves each row of blocks and comes back, so that blocks have to be looked at again."""
    turns = [np.array([[0, y], [30, y]]) + 0. for y in range(0, 30, 6)]
    corners = np.concatenate([turn if i % 2 == 0 else turn[::-1] for i, turn in enumerate(turns)])
    steps = np.concatenate([np.linspace(a, b, 150) for a, b in zip(corners[:-1], corners[1:])])
    rng = np.random.default_rng(0)
    xyz = np.concatenate([np.append(steps + rng.uniform(-0.5, 0.5, steps.shape), np.zeros((len(steps), 1)), axis=1)
                          for _ in range(4)])
    cloud, clicked = PointCloud(xyz, {}), ClickedPoints(np.array([0, 1349]), np.array([0, 1]))
    whole = propagated(tmp_path / 'whole', cloud, clicked, BlockLayout(100, 4)).labels(slice(0, len(xyz)))
    blocks = propagated(tmp_path / 'blocks', cloud, clicked, BlockLayout(8, 3, min_points=1)).labels(slice(0, len(xyz)))
    assert (whole.label >= 0).all() and whole.cost.max() > 60
    assert (blocks.label == whole.label).mean() > 0.999
    np.testing.assert_allclose(blocks.cost, whole.cost, rtol=0.05, atol=0.05)


def test_the_same_bits_each_time(tmp_path):
    cloud, clicked = hills(4000)
    first, second = (propagated(tmp_path / name, cloud, clicked, SMALL, chunk).labels(slice(0, 4000))
                     for name, chunk in (('a', 5000), ('b', 333)))
    assert [values.tobytes() for values in first[:3]] == [values.tobytes() for values in second[:3]]


@pytest.mark.parametrize('fields', [{}, {'intensity': np.zeros(4000)}, {'intensity': np.full(4000, np.nan)}])
def test_without_intensity(tmp_path, fields):
    cloud, clicked = hills(4000)
    settings = GraphSettings.of(PointCloud(cloud.xyz, fields))
    assert settings.intensity is None
    result = propagated(tmp_path, PointCloud(cloud.xyz, fields), clicked, SMALL)
    assert (result.labels(slice(0, 4000)).label >= 0).all() and result.remarks() == ()


def test_a_piece_without_a_label_is_said(tmp_path):
    cloud, clicked = hills(4000)
    cloud.xyz[3900:] += [300, 0, 0]
    clicked = ClickedPoints(clicked.index[clicked.index < 3900], clicked.label[clicked.index < 3900])
    result = propagated(tmp_path, cloud, clicked, SMALL)
    assert result.remarks() == ('100 points are on pieces without a label, which no path reaches.', )
    assert not result.labels(slice(3900, 4000)).confidence.any()
