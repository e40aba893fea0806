"""How many labels a training run sees, on both bases: raw points, and voxels."""
from typing import NamedTuple, Optional

import torch
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.progress import track

from ..voxelization import occupied_voxels, vote_voxel_labels
from ..weak_labels import WeakLabelDataset, is_labelled


class LabelCounts(NamedTuple):
    """Means over the training scans; no voxels for a segmentor that has none."""
    scans: int
    points_per_scan: float
    labels_per_scan: float
    voxels_per_scan: Optional[float] = None
    labelled_voxels_per_scan: Optional[float] = None


def count_labels(cfg: Config, description: str = 'Counting labels') -> LabelCounts:
    """Count the labels of the training set of a config whose dataset is a ``WeakLabelDataset``.

    Raises:
        ValueError: if the training set is another one.
    """
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    if not isinstance(dataset, WeakLabelDataset):
        raise ValueError(f'the training set is a {type(dataset).__name__}, not a WeakLabelDataset')
    voxel_size = cfg.model.data_preprocessor.get('voxel_layer', {}).get('voxel_size')
    ignore_index = dataset.metainfo['ignore_index']
    # An index of rooms lists large ones several times.
    scans = list({dataset.get_data_info(idx)['lidar_path']: idx for idx in range(len(dataset))}.values())
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
