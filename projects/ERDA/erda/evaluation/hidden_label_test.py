"""The scans of a training set, tested on the labels that training did not see: what a user gets of clouds of their own.

Nothing here trains, and what is built here is built for a test: hidden labels reach a confusion matrix and no loss.
"""
import copy
from typing import List, Optional, Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.datasets import Seg3DDataset
from mmdet3d.registry import DATASETS
from mmengine.config import Config

from ..config import ConfigError
from ..datasets.availability import missing_data
from ..files.progress import track
from ..files.unreadable_scan import require_as_many
from ..weak_labels import UNLABELED, PropagateWeakLabels, WeakLabelDataset, is_labelled, scan_name
from .confusion_metric import PROPAGATED
from .trained_labels import TrainedLabels, training_set_config

LABELS = 'pts_semantic_mask'


class NoHiddenLabels(ValueError):
    """Why there is nothing to test on; the second half of a sentence for a person."""


class CountHiddenLabels(BaseTransform):
    """Of the ground truth that is compared with, keeps the labels that training does not see; the others become void.

    Args:
        training: the data that training sees.
        ignore_index: label of void.
        propagate: propagates those labels, for :class:`ConfusionMatrixMetric` to weigh predictions with; ``None`` to
            do without.
    """

    def __init__(self, training: WeakLabelDataset, ignore_index: int,
                 propagate: Optional[PropagateWeakLabels] = None) -> None:
        self.training = training
        self.ignore_index = ignore_index
        self.propagate = propagate
        self.scans = training.scans()

    def transform(self, results: dict) -> dict:
        truth = results['eval_ann_info'][LABELS]
        idx = self.scans[scan_name(results['lidar_path'], self.training.dataset.data_root or '')]
        points, seen = self.training.load_scan(idx)
        require_as_many(seen, truth)
        results['eval_ann_info'][LABELS] = np.where(seen == UNLABELED, truth, self.ignore_index)
        if self.propagate is not None:
            results['eval_ann_info'][PROPAGATED] = self.propagate.propagated(points, seen)
        return results


@DATASETS.register_module('HiddenLabelScans')
def hidden_label_scans(training: dict, pipeline: List[dict], propagate: bool = False) -> Seg3DDataset:
    """Each scan of a training set once and whole, as in a test; only labels that training does not see are compared.

    Args:
        training: config of a ``WeakLabelDataset``.
        pipeline: of the test.
        propagate: whether labels that training sees are propagated to weigh predictions with.

    Raises:
        ConfigError: if the pipeline loads no labels, or the training set does not say how to propagate them.
    """
    loads = [i for i, transform in enumerate(pipeline)
             if transform['type'] in ('LoadAnnotations3D', 'PointSegClassMapping')]
    if not loads:
        raise ConfigError('The pipeline of the test loads no labels to compare with.')
    dataset = DATASETS.build({**training['dataset'], 'pipeline': pipeline, 'test_mode': True})
    weak = DATASETS.build(training)
    if propagate and weak.propagate is None:
        raise ConfigError('A prior at prediction needs propagated labels; add propagation=dict() to the '
                          'WeakLabelDataset of the config.')
    count = CountHiddenLabels(weak, dataset.metainfo['ignore_index'], weak.propagate if propagate else None)
    dataset.pipeline.transforms.insert(loads[-1] + 1, count)
    return dataset


def config_for_hidden_labels(test_cfg: Config, labels: TrainedLabels, prior_exponent: float = 0.0) -> Config:
    """The config of a test on hidden labels.

    Args:
        test_cfg: what :func:`erda.evaluation.checkpoint_test.config_for_test` has made.
        labels: those that the checkpoint was trained with.
        prior_exponent: probabilities are multiplied by propagated labels to this power; 0 leaves them as they are.

    Raises:
        ConfigError: if the training set does not say how labels are propagated, but they are to be.
        NoHiddenLabels: if training saw all labels that there are, or they are not known or not here.
    """
    training = training_set_config(labels, test_cfg)
    if training is None:
        raise NoHiddenLabels('training saw every label' if labels.name == 'all' else
                             'which labels training saw is not known')
    if missing_data(test_cfg, 'train_dataloader'):
        raise NoHiddenLabels('the training scans are not here')
    cfg = copy.deepcopy(test_cfg)
    cfg.test_dataloader.dataset = dict(type='HiddenLabelScans', training=training, propagate=prior_exponent > 0,
                                       pipeline=test_cfg.test_dataloader.dataset.pipeline)
    if prior_exponent > 0:
        for metric in cfg.test_evaluator:
            if metric['type'] == 'ConfusionMatrixMetric':
                metric['prior_exponent'] = prior_exponent
    dataset = DATASETS.build(copy.deepcopy(cfg.test_dataloader.dataset))
    if not any(_compares(dataset, idx) for idx in track(range(len(dataset)), description='Looking for hidden labels')):
        raise NoHiddenLabels('training saw every label that its scans have')
    return cfg


def _compares(dataset: Seg3DDataset, idx: int) -> bool:
    samples = dataset[idx]['data_samples']
    sample = samples[0] if isinstance(samples, Sequence) else samples  # test time augmentation has several
    return bool(is_labelled(sample.eval_ann_info[LABELS], dataset.metainfo['ignore_index']).any())
