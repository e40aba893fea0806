"""Ground truth, weak labels and two predictions side by side."""
from pathlib import Path
from typing import Dict, Mapping

import numpy as np
import torch
from mmdet3d.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from .scan_picture import LabelledScan, save_scan_picture


def draw_comparison(path: Path, cfgs: Mapping[str, Config], checkpoints: Mapping[str, str], scan: int = 0) -> None:
    """Draw a test scan's ground truth and predictions, and the weak labels of the first training scan.

    Training sees no label of a test scan, so the labels it did see are shown on one of its own.

    Args:
        path: PNG to write.
        cfgs: config of each method, all with the same data.
        checkpoints: checkpoint of each method to draw.
        scan: index of the test scan.
    """
    init_default_scope('mmdet3d')
    first = cfgs[next(iter(checkpoints))]
    test_set = DATASETS.build(first.test_dataloader.dataset)
    weak_set = DATASETS.build(first.train_dataloader.dataset)
    item = test_set[scan]
    points = item['inputs']['points'].numpy()
    truth = item['data_samples'].eval_ann_info['pts_semantic_mask']
    num_classes = len(test_set.metainfo['classes'])
    valid = (truth >= 0) & (truth < num_classes)

    weak = weak_set.load_scan(0)
    panels = [
        LabelledScan('ground truth', points, truth),
        LabelledScan('labels that training saw (a training scan)', weak.points, weak.labels, emphasis=True)
    ]
    for name, prediction in _predict(cfgs, checkpoints, item).items():
        accuracy = (prediction == truth)[valid].mean()
        panels.append(LabelledScan(f'{name}, {accuracy:.1%} of points right', points, prediction))
    save_scan_picture(path, panels, test_set.metainfo['classes'], test_set.metainfo['palette'])


@torch.no_grad()
def _predict(cfgs: Mapping[str, Config], checkpoints: Mapping[str, str], item: dict) -> Dict[str, np.ndarray]:
    predictions = {}
    for name, checkpoint in checkpoints.items():
        model = MODELS.build(cfgs[name].model).eval()
        load_checkpoint(model, checkpoint, map_location='cpu')
        sample, = model.test_step(pseudo_collate([item]))
        predictions[name] = sample.pred_pts_seg.pts_semantic_mask.numpy()
    return predictions
