"""The training set of a config, and the labels of it that training sees."""
from typing import List, Optional

import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..config import ConfigError
from ..files.progress import track
from ..weak_labels import StoredMasks, WeakLabelDataset, count_per_class


def build_training_set(cfg: Config) -> WeakLabelDataset:
    """The training set of a config.

    Raises:
        ValueError: if it is not a ``WeakLabelDataset``, or that cannot be built.
    """
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    if not isinstance(dataset, WeakLabelDataset):
        raise ConfigError(f'the training set is a {type(dataset).__name__}, not a WeakLabelDataset')
    return dataset


def segmentor_voxel_size(cfg: Config) -> Optional[List[float]]:
    """Edges of the segmentor's voxels in metres; ``None`` if it has none, or none that are boxes."""
    return cfg.model.data_preprocessor.get('voxel_layer', {}).get('voxel_size')


def count_labels_per_class(dataset: WeakLabelDataset) -> np.ndarray:
    """Labels of each class that training sees on raw points, ``[K]`` int64; a manifest of stored masks has them."""
    if isinstance(dataset.budget, StoredMasks):
        return dataset.budget.labels_per_class
    num_classes = len(dataset.metainfo['classes'])
    counts = np.zeros(num_classes, dtype=np.int64)
    for idx in track(list(dataset.scans().values()), description='Counting labels per class'):
        labels = dataset.load_scan(idx).labels
        counts += count_per_class(labels, num_classes)
    return counts
