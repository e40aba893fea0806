import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from matplotlib.image import imread
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from rich.console import Console

from erda.evaluation.label_statistics import label_statistics, statistics_table
from erda.evaluation.label_statistics_picture import save_statistics_picture
from erda.evaluation.training_set import build_training_set, count_labels_per_class
from erda.weak_labels import write_masks

CAR, ROAD, SIDEWALK, TERRAIN = 0, 8, 10, 16


@pytest.fixture
def cfg(semantickitti):
    return tiny_config('projects/ERDA/configs/minkunet_erda_1pct_mini.py', semantickitti)


def build(cfg, **changes):
    for key, value in changes.items():
        cfg.train_dataloader.dataset[key] = value
    return build_training_set(cfg)


def test_raw_points_and_voxels(cfg):
    dataset = build(cfg)
    points, voxels = label_statistics(dataset, [0.5, 0.5, 0.5])
    assert points.base == 'raw points' and voxels.base == '50 cm voxels'
    raw = [np.fromfile(dataset.get_data_info(i)['pts_semantic_mask_path'], np.uint32) & 0xFFFF for i in range(3)]
    assert points.truth[[CAR, ROAD, SIDEWALK, TERRAIN]].tolist() == [
        sum(int((x == label).sum()) for x in raw) for label in (10, 40, 48, 72)]
    assert points.labels[ROAD] == sum(max(int((x == 40).sum() * 0.01), 1) for x in raw)
    assert points.sizes.tolist() == [1500] * 3 and points.labels_per_scan.sum() == points.labels.sum()
    assert points.scans[[CAR, 1]].tolist() == [3, 0] and not points.scans_without_label.any()
    assert points.share == points.labels.sum() / 4500 and points.without_label == []
    preprocessor = MODELS.build(cfg.model.data_preprocessor).train()
    for idx in range(3):
        scan = dataset.load_scan(idx)
        sample = Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=torch.from_numpy(scan.labels)))
        preprocessor.voxelize([torch.from_numpy(scan.points)], [sample])
        seen = sample.gt_pts_seg.voxel_semantic_mask
        assert voxels.sizes[idx] == len(seen), 'the voxels of training'
        assert voxels.labels_per_scan[idx] == ((seen >= 0) & (seen < 19)).sum()


def test_classes_without_a_label_and_the_base_of_the_budget(cfg):
    budget = dict(type='PerScanBudget', num_points=1, base=dict(voxel_size=0.2))
    points, voxels = label_statistics(build(cfg, budget=budget), [0.5, 0.5, 0.5])
    assert voxels.base == '20 cm voxels' and voxels.labels_per_scan.tolist() == [1, 1, 1]
    assert len(points.without_label) >= 1 and points.labels_per_scan.tolist() == [1, 1, 1]
    assert points.scans_without_label.sum() == 4 * 3 - 3
    console = Console(width=150, record=True)
    console.print(statistics_table(points))
    text = console.export_text()
    assert 'per scan 1.0 (from 1 to 1) of 1500' in text and f' {points.without_label[0]} ' in text


def test_labels_per_class(cfg, tmp_path):
    dataset = build(cfg)
    expected = label_statistics(dataset)[0].labels
    assert np.array_equal(count_labels_per_class(dataset), expected)
    write_masks(dataset, tmp_path / 'masks')
    stored = build(cfg, masks=str(tmp_path / 'masks'))
    assert np.array_equal(count_labels_per_class(stored), expected)


def test_picture(cfg, tmp_path):
    path = tmp_path / 'a' / 'statistics.png'
    save_statistics_picture(path, label_statistics(build(cfg), [0.5, 0.5, 0.5]))
    assert imread(path).shape[1] > 1000 and [p.name for p in path.parent.iterdir()] == ['statistics.png']
