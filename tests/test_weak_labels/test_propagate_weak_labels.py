"""Labels that travel inside a training pipeline."""
import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import DATASETS
from mmdet3d.structures.points import LiDARPoints
from mmengine.registry import init_default_scope

from erda.config import ConfigError
from erda.weak_labels import UNLABELED, PropagateWeakLabels, propagate_labels
from erda.weak_labels.surface_graph import intensity_scale, scaled_intensity
from erda.weak_labels.unlabelled_codes import decoded, with_hidden

RNG = np.random.default_rng(0)
POINTS = np.concatenate([RNG.random((400, 2)) * 6, RNG.random((400, 1)) * 0.05, RNG.random((400, 1)) * 9],
                        axis=1).astype(np.float32)
LABELS = np.full(400, UNLABELED)
LABELS[[3, 50, 200]], LABELS[7] = [0, 1, 2], 3  # the last one is void


def run(cache_dir, labels=LABELS, **arguments):
    transform = PropagateWeakLabels(num_classes=3, cache_dir=str(cache_dir), **arguments)
    results = transform(dict(points=LiDARPoints(torch.from_numpy(POINTS), 4), pts_semantic_mask=labels.copy()))
    return results['pts_semantic_mask']


@pytest.mark.parametrize('intensity_dim', [None, 3])
def test_it_is_propagation(tmp_path, intensity_dim):
    intensity = None if intensity_dim is None else scaled_intensity(POINTS[:, 3], intensity_scale(POINTS[:, 3]))
    expected = propagate_labels(POINTS[:, :3].astype(np.float64), LABELS, 3, intensity)
    labels = run(tmp_path, intensity_dim=intensity_dim)
    told, unseen = decoded(torch.from_numpy(labels)), LABELS == UNLABELED
    assert np.array_equal(told.mask, unseen) and np.array_equal(labels[~unseen], LABELS[~unseen])
    assert np.array_equal(told.propagated[unseen], expected.label[unseen])
    np.testing.assert_allclose(told.confidence[unseen], expected.confidence[unseen], atol=1 / 255)


def test_each_scan_once(tmp_path, monkeypatch):
    first = run(tmp_path)
    file, = tmp_path.iterdir()
    monkeypatch.setattr('erda.weak_labels.propagate_weak_labels.propagate_labels', None)
    assert np.array_equal(run(tmp_path), first)
    with pytest.raises(TypeError):
        run(tmp_path, np.roll(LABELS, 1))  # other labels are another file
    monkeypatch.undo()
    file.write_bytes(file.read_bytes()[:-1])  # damaged
    assert np.array_equal(run(tmp_path), first)


def test_a_hidden_class_is_neither_seen_nor_lost(tmp_path):
    plain = decoded(torch.from_numpy(run(tmp_path)))
    hidden = RNG.integers(3, size=400)
    marked = decoded(torch.from_numpy(run(tmp_path, with_hidden(LABELS, hidden))))
    assert torch.equal(marked.propagated, plain.propagated) and torch.equal(marked.confidence, plain.confidence)
    assert np.array_equal(marked.hidden[marked.mask], hidden[LABELS == UNLABELED])


def test_errors(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ValueError, match='cannot be written .*cache_dir'):
        run(tmp_path / 'file' / 'cache')
    with pytest.raises(ValueError, match='intensity_dim=4 is no column of points that have 4'):
        run(tmp_path, intensity_dim=4)
    with pytest.raises(ValueError, match='254 classes'):
        PropagateWeakLabels(num_classes=255, cache_dir='')


def test_settings_that_are_text(semantickitti):
    init_default_scope('mmdet3d')
    cfg = tiny_config('projects/ERDA/configs/minkunet_erda_1pct.py', semantickitti)
    cfg.train_dataloader.dataset.propagation = 'dict(intensity_dim=3)'
    with pytest.raises(ConfigError, match='each entry is a setting of its own'):
        DATASETS.build(cfg.train_dataloader.dataset)


@pytest.mark.parametrize('reports', [False, True])
def test_in_a_dataset_and_inside_its_mixes(semantickitti, tmp_path, reports):
    init_default_scope('mmdet3d')
    cfg = tiny_config('projects/ERDA/configs/minkunet_erda_1pct.py', semantickitti)
    cfg.train_dataloader.dataset.propagation = dict(intensity_dim=3, cache_dir=str(tmp_path))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    scan = dataset.load_scan(0)
    assert scan.labels.min() == UNLABELED  # as before
    source = dataset.for_reports() if reports else dataset
    for seed in range(3):
        np.random.seed(seed)
        told = decoded(source[0]['data_samples'].gt_pts_seg.pts_semantic_mask)
        assert told.mask.any() and told.asked[told.mask].all() and (told.propagated >= 0).any()
        assert (told.hidden[told.mask] >= 0).all() if reports else (told.hidden == -1).all()
