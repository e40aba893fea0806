"""Runs a checkpoint over the test data of a config."""
import copy
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np
from mmdet3d.datasets import Seg3DDataset
from mmdet3d.registry import DATASETS
from mmengine.config import Config, ConfigDict
from mmengine.hooks import LoggerHook
from mmengine.registry import init_default_scope

from ..config import ConfigError
from ..files.digest import sha256
from ..files.unreadable_scan import NamedReading
from ..zoo.local_weights import SCHEME, fetch_named
from .confusion_metric import ConfusionMatrixMetric, with_confusion_matrices
from .predictions import SavePredictions
from .quiet_runner import QuietRunner
from .soft_tta_model import SoftSeg3DTTAModel

LOGS = 20  # of progress in one test, at least


def build_test_set(cfg: Config) -> Seg3DDataset:
    """The test data of a config.

    Raises:
        ValueError: if they are none of mmdet3d's data sets for segmentation, are empty or cannot be read.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet3d'))
    dataset = DATASETS.build(copy.deepcopy(cfg.test_dataloader.dataset))
    if not isinstance(dataset, Seg3DDataset):
        raise ConfigError(f'The test data are a {type(dataset).__name__}, not a data set for segmentation of mmdet3d.')
    if not len(dataset):
        raise ConfigError(f'The test data of this config ({cfg.test_dataloader.dataset.get("ann_file")}) have no scan.')
    return dataset


def has_labels(dataset: Seg3DDataset) -> bool:
    """Whether the scans have a ground truth: those of a benchmark's test split have none."""
    loads = any(type(transform).__name__ == 'LoadAnnotations3D' for transform in dataset.pipeline.transforms)
    return not loads or 'pts_semantic_mask_path' in dataset.get_data_info(0)


def config_for_test(cfg: Config, dataset: Seg3DDataset, tta: bool = False) -> Config:
    """A copy of a config that counts confusion matrices where it has mmdet3d's ``SegMetric``.

    ``SegMetric`` keeps all masks of all scans and gives IoU and accuracy of their sum; the config need not change for
    the same numbers with little memory.

    Args:
        cfg: with ``tta_model`` and ``tta_pipeline``, if ``tta``.
        dataset: its test data; labels are neither loaded nor compared if they have none.
        tta: average predictions over the augmentations of ``tta_pipeline``.

    Raises:
        ValueError: if the config has not what is needed.
    """
    cfg = copy.deepcopy(cfg)
    if tta:
        if 'tta_model' not in cfg or 'tta_pipeline' not in cfg:
            raise ConfigError('The config has no tta_model and tta_pipeline, which --tta needs.')
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = ConfigDict(**{**cfg.tta_model, 'type': SoftSeg3DTTAModel.__name__}, module=cfg.model)
    if has_labels(dataset):
        cfg.test_evaluator = with_confusion_matrices(cfg.test_evaluator)
        names = [str(metric['type']).rpartition('.')[2] for metric in cfg.test_evaluator]
        if 'ConfusionMatrixMetric' not in names:
            raise ConfigError(f'The test_evaluator of the config is {", ".join(names)}: SegMetric or '
                              'ConfusionMatrixMetric is needed.')
    else:
        cfg.test_evaluator = []
        cfg.test_dataloader.dataset.pipeline = _without_labels(cfg.test_dataloader.dataset.pipeline)
    return cfg


def run_test(cfg: Config, checkpoint: str, predictions: Optional[Path] = None) -> Optional[np.ndarray]:
    """Test one checkpoint.

    Args:
        cfg: see :func:`config_for_test`.
        checkpoint: path or address of the weights.
        predictions: folder to write predictions to, see :class:`SavePredictions`.

    Returns: ``[K, K + 1]`` counts, see :func:`confusion_matrix`; ``None`` without labels, and in all processes but the
        main one.

    Raises:
        DataError: for a scan that cannot be read.
    """
    cfg = copy.deepcopy(cfg)
    cfg.load_from = checkpoint
    runner = QuietRunner.from_cfg(cfg)  # a new one for each checkpoint: each meets the same random numbers
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook):  # writes the time that is left
            hook.interval = min(hook.interval, max(len(runner.test_dataloader) // LOGS, 1))
    dataset = runner.test_dataloader.dataset
    dataset.pipeline = NamedReading(dataset.pipeline)
    if predictions:
        runner.register_hook(SavePredictions(predictions))
    runner.test()
    return next((metric.confusion for metric in runner.test_loop.evaluator.metrics
                 if isinstance(metric, ConfusionMatrixMetric)), None)


def weights_sha256(checkpoint: str) -> Optional[str]:
    """Digest of the file of a checkpoint; ``None`` for an address other than ``erda://NAME``."""
    path = fetch_named(checkpoint) if checkpoint.startswith(SCHEME) else Path(checkpoint)
    return sha256(path) if path.is_file() else None


def _without_labels(pipeline: Sequence[dict]) -> List[dict]:
    kept = [copy.deepcopy(transform) for transform in pipeline
            if transform['type'] not in ('LoadAnnotations3D', 'PointSegClassMapping')]
    for transform in kept:
        if transform['type'] == 'Pack3DDetInputs':
            transform['keys'] = ['points']
    return kept
