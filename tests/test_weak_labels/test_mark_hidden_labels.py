"""Marked labels: the same scans as in training, with what is hidden readable."""
import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope

from erda.weak_labels import UNLABELED
from erda.weak_labels.unlabelled_codes import decoded

CONFIGS = {'SemanticKittiDataset': 'minkunet_erda_1pct', 'S3DISSegDataset': 'pointnet2_ssg_erda_1pct_s3dis'}


def test_decoding():
    told = decoded(torch.tensor([0, 19, UNLABELED, -2, -7]))
    assert told.mask.tolist() == [False, False, True, True, True] and told.hidden.tolist() == [-1, -1, -1, 0, 5]


@pytest.mark.parametrize('kind', CONFIGS)
def test_same_points_and_labels_as_in_training(kind, roots):
    init_default_scope('mmdet3d')
    cfg = tiny_config(f'projects/ERDA/configs/{CONFIGS[kind]}.py', roots[kind])
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    marked = dataset.for_reports()
    num_classes = len(dataset.metainfo['classes'])
    hidden_points = 0
    for seed in range(6):
        items = []
        for source in (dataset, marked):
            np.random.seed(seed)
            items.append(source[seed % len(dataset)])
        ours, theirs = (item['data_samples'].gt_pts_seg.pts_semantic_mask for item in items)
        assert torch.equal(items[0]['inputs']['points'], items[1]['inputs']['points'])
        hidden = decoded(theirs).hidden
        mask = hidden >= 0
        assert torch.equal(mask, ours == UNLABELED)
        assert torch.equal(ours[~mask], theirs[~mask])
        assert hidden[mask].max() < num_classes
        hidden_points += mask.sum()
    assert hidden_points > 500
    assert (dataset[0]['data_samples'].gt_pts_seg.pts_semantic_mask >= UNLABELED).all(), 'training is not touched'


def test_marked_classes_are_the_true_ones(roots):
    """A street in which the height of a point and its intensity tell the class: without mixes and turns."""
    init_default_scope('mmdet3d')
    cfg = tiny_config('projects/ERDA/configs/minkunet_erda_1pct.py', roots['SemanticKittiDataset'])
    inner = cfg.train_dataloader.dataset.dataset
    inner.pipeline = [step for step in inner.pipeline if step['type'] not in ('RandomChoice', 'GlobalRotScaleTrans')]
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    _, truth = dataset.load_scan_with_truth(0)
    labels = dataset.for_reports()[0]['data_samples'].gt_pts_seg.pts_semantic_mask
    hidden = decoded(labels).hidden
    mask = hidden >= 0
    assert mask.sum() > 1000 and np.array_equal(hidden[mask], truth[mask])
