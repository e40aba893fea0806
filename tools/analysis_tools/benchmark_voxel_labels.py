#!/usr/bin/env python
"""Count the labelled voxels that keep a label: in mmdet3d and here, where only labelled points vote.

mmdet3d lets one point speak for a voxel of MinkUNet, and void and hidden labels vote in a voxel of Cylinder3D.
"""
import argparse
from typing import Callable, Iterator, NamedTuple, Tuple


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config whose training set is a WeakLabelDataset')
    parser.add_argument('--voxel-sizes', type=float, nargs='+', default=[0.05, 0.1, 0.5],
                        help='in metres; for MinkUNet and SPVCNN')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import erda.registration  # noqa: F401  Before mmdet3d.structures, which imports mmcv's compiled kernels.

# isort: split
import torch
from mmdet3d.models.data_preprocessors import Det3DDataPreprocessor
from mmdet3d.registry import DATASETS, MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table
from torch import Tensor

from erda.config import load_config
from erda.files.progress import track
from erda.voxelization import occupied_voxels, vote_voxel_labels
from erda.weak_labels import UNLABELED, WeakScan, is_labelled


class VoxelLabels(NamedTuple):
    """Labels ``[V]`` of the same voxels by either rule, and the voxel ``[N]`` of each point."""
    stock: Tensor
    vote: Tensor
    point2voxel_map: Tensor


def main(args: argparse.Namespace) -> None:
    cfg = load_config(args.config)
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    void = dataset.metainfo['ignore_index']

    table = Table(title=f'{args.config}, {len(dataset)} scans, labelled voxels that keep their label')
    for column in ('voxels', 'points per voxel', 'voxels with a label', 'stock keeps', 'vote keeps'):
        table.add_column(column, justify='right')
    for name, rule in rules(cfg.model.data_preprocessor, args.voxel_sizes):
        points = voxels = labelled = stock = vote = 0
        for idx in track(range(len(dataset)), description=name):
            scan = dataset.load_scan(idx)
            found = rule(scan, void)
            has_label = torch.zeros(len(found.vote), dtype=torch.bool)
            has_label[found.point2voxel_map[is_labelled(torch.from_numpy(scan.labels), void)]] = True
            points, voxels, labelled = points + len(scan.labels), voxels + len(has_label), labelled + has_label.sum()
            stock += (is_labelled(found.stock, void) & has_label).sum()
            vote += (is_labelled(found.vote, void) & has_label).sum()
        table.add_row(name, f'{points / voxels:.1f}', f'{labelled / len(dataset):.0f} a scan',
                      f'{stock / labelled:.1%}', f'{vote / labelled:.1%}')
    Console().print(table)


def rules(preprocessor: ConfigDict, voxel_sizes: list) -> Iterator[Tuple[str, Callable[[WeakScan, int], VoxelLabels]]]:
    """Name and function of each kind of voxels to try."""
    if preprocessor.voxel_type == 'cylindrical':
        grid = ' x '.join(map(str, preprocessor.voxel_layer.grid_shape))
        yield f'cylinder, {grid}', cylindrical(preprocessor)
    else:
        for size in voxel_sizes:
            yield f'{size} m', lambda scan, void, size=size: cubic(scan, void, size)


def cubic(scan: WeakScan, void: int, size: float) -> VoxelLabels:
    """Voxels of MinkUNet; the stock class, which takes the first point's label, needs a GPU."""
    labels = torch.from_numpy(scan.labels)
    grid = occupied_voxels(torch.round(torch.from_numpy(scan.points[:, :3]) / size).int())
    vote = vote_voxel_labels(labels, grid.point2voxel_map, len(grid.coors), void)
    return VoxelLabels(labels[grid.first_point], vote, grid.point2voxel_map)


def cylindrical(preprocessor: ConfigDict) -> Callable[[WeakScan, int], VoxelLabels]:
    """Voxels of Cylinder3D by both classes; the stock one is given hidden labels as void, for it knows no other."""
    ours = MODELS.build(preprocessor).train()
    stock = MODELS.build(dict(preprocessor, type='Det3DDataPreprocessor')).train()

    def rule(scan: WeakScan, void: int) -> VoxelLabels:
        stock_labels, _ = voxelize(stock, scan, void)
        return VoxelLabels(stock_labels, *voxelize(ours, scan, UNLABELED))

    return rule


def voxelize(preprocessor: Det3DDataPreprocessor, scan: WeakScan, hidden: int) -> Tuple[Tensor, Tensor]:
    """Labels of the voxels and the voxel of each point, with this value for a hidden label."""
    labels = torch.from_numpy(scan.labels)
    sample = Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=torch.where(labels == UNLABELED, hidden, labels)))
    preprocessor.voxelize([torch.from_numpy(scan.points)], [sample])
    return sample.gt_pts_seg.voxel_semantic_mask, sample.point2voxel_map.long()


if __name__ == '__main__':
    main(args)
