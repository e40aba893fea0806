"""How many labels a training run sees, on both bases: raw points, and voxels."""
from typing import NamedTuple

import torch
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.progress import track

from ..voxelization import occupied_voxels, vote_voxel_labels
from ..weak_labels import WeakLabelDataset, is_labelled


class LabelCounts(NamedTuple):
    """Means over the training scans."""
    scans: int
    points_per_scan: float
    labels_per_scan: float
    voxels_per_scan: float
    labelled_voxels_per_scan: float


def count_labels(cfg: Config, description: str = 'Counting labels') -> LabelCounts:
    """Count the labels of the training set of a config whose dataset is a ``WeakLabelDataset``.

    Raises:
        ValueError: if the training set is another one.
    """
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    if not isinstance(dataset, WeakLabelDataset):
        raise ValueError(f'the training set is a {type(dataset).__name__}, not a WeakLabelDataset')
    voxel_size = torch.tensor(cfg.model.data_preprocessor.voxel_layer.voxel_size)
    ignore_index = dataset.metainfo['ignore_index']
    totals = torch.zeros(4, dtype=torch.long)
    for idx in track(range(len(dataset)), description=description):
        scan = dataset.load_scan(idx)
        labels = torch.from_numpy(scan.labels)
        grid = occupied_voxels(torch.round(torch.from_numpy(scan.points[:, :3]) / voxel_size).int())
        voxel_labels = vote_voxel_labels(labels, grid.point2voxel_map, len(grid.coors), ignore_index)
        for i, values in enumerate((labels, voxel_labels)):
            totals[2 * i] += len(values)
            totals[2 * i + 1] += is_labelled(values, ignore_index).sum()
    return LabelCounts(len(dataset), *(totals / len(dataset)).tolist())
