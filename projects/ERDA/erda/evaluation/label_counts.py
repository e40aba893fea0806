"""How many labels a training run sees, on both bases: raw points, and voxels."""
from typing import List, NamedTuple, Optional

import numpy as np
import torch
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.progress import track

from ..voxelization import occupied_voxels, vote_voxel_labels
from ..weak_labels import StoredMasks, WeakLabelDataset, is_class, is_labelled


class LabelCounts(NamedTuple):
    """Means over the training scans; no voxels for a segmentor that has none."""
    scans: int
    points_per_scan: float
    labels_per_scan: float
    voxels_per_scan: Optional[float] = None
    labelled_voxels_per_scan: Optional[float] = None


def build_training_set(cfg: Config) -> WeakLabelDataset:
    """The training set of a config.

    Raises:
        ValueError: if it is not a ``WeakLabelDataset``, or that cannot be built.
    """
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    if not isinstance(dataset, WeakLabelDataset):
        raise ValueError(f'the training set is a {type(dataset).__name__}, not a WeakLabelDataset')
    return dataset


def segmentor_voxel_size(cfg: Config) -> Optional[List[float]]:
    """Edges of the segmentor's voxels in metres; ``None`` if it has none, or none that are boxes."""
    return cfg.model.data_preprocessor.get('voxel_layer', {}).get('voxel_size')


def count_labels(cfg: Config, description: str = 'Counting labels') -> LabelCounts:
    """Count the labels of the training set of a config whose dataset is a ``WeakLabelDataset``.

    Raises:
        ValueError: if the training set is another one.
    """
    dataset = build_training_set(cfg)
    voxel_size = segmentor_voxel_size(cfg)
    ignore_index = dataset.metainfo['ignore_index']
    scans = list(dataset.scans().values())
    totals = torch.zeros(4 if voxel_size else 2, dtype=torch.long)
    for idx in track(scans, description=description):
        scan = dataset.load_scan(idx)
        labels = torch.from_numpy(scan.labels)
        values = [labels]
        if voxel_size:
            grid = occupied_voxels(torch.round(torch.from_numpy(scan.points[:, :3]) / torch.tensor(voxel_size)).int())
            values.append(vote_voxel_labels(labels, grid.point2voxel_map, len(grid.coors), ignore_index))
        totals += torch.tensor([n for x in values for n in (len(x), is_labelled(x, ignore_index).sum())])
    return LabelCounts(len(scans), *(totals / len(scans)).tolist())


def count_labels_per_class(dataset: WeakLabelDataset) -> np.ndarray:
    """Labels of each class that training sees on raw points, ``[K]`` int64; a manifest of stored masks has them."""
    if isinstance(dataset.budget, StoredMasks):
        return dataset.budget.labels_per_class
    num_classes = len(dataset.metainfo['classes'])
    counts = np.zeros(num_classes, dtype=np.int64)
    for idx in track(list(dataset.scans().values()), description='Counting labels per class'):
        labels = dataset.load_scan(idx).labels
        counts += np.bincount(labels[is_class(labels, num_classes)], minlength=num_classes)
    return counts
