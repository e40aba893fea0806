#!/usr/bin/env python
"""What a trained network knows of hidden labels by itself, over several views, and times propagated labels.

python tools/analysis_tools/measure_teachers.py CONFIG CHECKPOINT. A pseudo-label that is right no more often than the
prediction has nothing to teach. The scans are those of training, whole; counted are points whose label training did not
see, or with --voxel-size one point of each voxel, which is where a loss on voxels acts.
"""
import argparse
import math
from typing import Dict, Iterator, Tuple

from erda.command_start import add_config, stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser)
    parser.add_argument('checkpoint', help='checkpoint file, or erda://NAME of a published model')
    parser.add_argument('--scans', type=int, default=6, help='scans to look at (default: %(default)s)')
    parser.add_argument('--views', type=int, nargs='+', default=[1, 2, 4, 8], help='turns to average over')
    parser.add_argument('--exponents', type=float, nargs='+', default=[0, 0.25, 0.5, 1], help='of the prior')
    parser.add_argument('--voxel-size', type=float, metavar='METRES', help='count one point of each voxel')
    parser.add_argument('--markdown', action='store_true', help='print Markdown as well')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import numpy as np
from mmengine.config import Config

import erda.registration  # noqa: F401  Before mmdet3d's structures, which import mmcv's compiled kernels.

# isort: split
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor

from erda.command_line import config_options, print_table, stop_at_bad_settings
from erda.config import load_config
from erda.evaluation.confusion_metric import PROPAGATED, confusion_matrix, segmentation_scores
from erda.evaluation.hidden_label_test import hidden_label_scans
from erda.files.progress import track
from erda.heads import classify_points, turned_points
from erda.weak_labels import PropagatedLabels, grid_subsample
from erda.weak_labels.label_propagation import weighted_by_prior
from erda.zoo.checkpoint_fit import load_weights
from erda.zoo.errors import CheckpointError


def main(args: argparse.Namespace) -> None:
    with stop_at_bad_settings(args.config):
        cfg = load_config(args.config, cfg_options=config_options(args.cfg_options))
    init_default_scope(cfg.get('default_scope', 'mmdet3d'))
    torch.set_num_threads(1)
    if (cfg.train_dataloader.dataset.get('propagation')) is None:
        stop('The training set of the config propagates no labels: --cfg-options '
             'train_dataloader.dataset.propagation.intensity_dim=3, or None without an intensity.')
    model = MODELS.build(cfg.model)
    try:
        load_weights(model, args.checkpoint)
    except CheckpointError as error:
        stop(str(error))
    confusion: Dict[Tuple[int, float], np.ndarray] = {}
    for points, truth, prior, num_classes in scans(cfg, args.scans, args.voxel_size):
        for views in args.views:
            probabilities = mean_probabilities(model.eval(), points, views)
            for exponent in args.exponents:
                predicted = weighted_by_prior(probabilities, prior, exponent).argmax(axis=1)
                counts = confusion_matrix(predicted, truth, num_classes, ignore_index=num_classes)
                confusion[views, exponent] = confusion.get((views, exponent), 0) + counts
    rows = [['accuracy / mIoU of hidden labels', *(f'prior to the power {exponent:g}' for exponent in args.exponents)]]
    for views in args.views:
        scores = [segmentation_scores(confusion[views, exponent]) for exponent in args.exponents]
        rows.append([f'{views} view{"s" * (views > 1)}',
                     *(f'{100 * x.overall_accuracy:.1f} / {100 * x.miou:.1f}' for x in scores)])
    print_table(rows, f'Hidden labels of {args.scans} training scans', args.markdown)


def scans(cfg: Config, count: int, voxel_size: float) -> Iterator[Tuple[Tensor, np.ndarray, PropagatedLabels, int]]:
    """Points, classes that training did not see (K elsewhere), propagated labels, and K, of evenly spaced scans."""
    dataset = hidden_label_scans(cfg.train_dataloader.dataset, cfg.test_dataloader.dataset.pipeline, propagate=True)
    num_classes = len(dataset.metainfo['classes'])
    for idx in track(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int).tolist()):
        item = dataset[idx]
        points, record = item['inputs']['points'], item['data_samples'].eval_ann_info
        truth = record['pts_semantic_mask'].astype(np.int64)
        if voxel_size:
            counted = grid_subsample(points[:, :3].numpy(), voxel_size)
            truth = np.where(np.isin(np.arange(len(truth)), counted), truth, num_classes)
        yield points, truth, record[PROPAGATED], num_classes


def mean_probabilities(model: torch.nn.Module, points: Tensor, views: int) -> np.ndarray:
    """``[N, K]`` mean over turns about z."""
    turns = [turned_points(points, math.tau * turn / views) for turn in range(views)]
    return torch.stack([classify_points(model, [turned])[0].seg_logits.softmax(dim=1) for turned in turns]
                       ).mean(dim=0).numpy()


if __name__ == '__main__':
    main(args)
