#!/usr/bin/env python
"""Count the labelled voxels that keep a label: in mmdet3d one point speaks for its voxel, here labelled points vote."""
import argparse

import torch
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import track
from rich.table import Table

import erda  # noqa: F401
from erda.config import load_config
from erda.voxelization import occupied_voxels, vote_voxel_labels
from erda.weak_labels import is_labelled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config whose training set is a WeakLabelDataset')
    parser.add_argument('--voxel-sizes', type=float, nargs='+', default=[0.05, 0.1, 0.5], help='in metres')
    args = parser.parse_args()
    cfg = load_config(args.config)
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    void = dataset.metainfo['ignore_index']

    table = Table(title=f'{args.config}, {len(dataset)} scans, labelled voxels that keep their label')
    for column in ('voxel size', 'points per voxel', 'voxels with a label', 'stock keeps', 'vote keeps'):
        table.add_column(column, justify='right')
    for size in args.voxel_sizes:
        points = voxels = labelled = stock = vote = 0
        for idx in track(range(len(dataset)), description=f'{size} m'):
            scan = dataset.load_scan(idx)
            labels = torch.from_numpy(scan.labels)
            grid = occupied_voxels(torch.round(torch.from_numpy(scan.points[:, :3]) / size).int())
            has_label = torch.zeros(len(grid.coors), dtype=torch.bool)
            has_label[grid.point2voxel_map[is_labelled(labels, void)]] = True
            points, voxels, labelled = points + len(labels), voxels + len(grid.coors), labelled + has_label.sum()
            stock += (is_labelled(labels[grid.first_point], void) & has_label).sum()
            voted = vote_voxel_labels(labels, grid.point2voxel_map, len(grid.coors), void)
            vote += (is_labelled(voted, void) & has_label).sum()
        table.add_row(f'{size} m', f'{points / voxels:.1f}', f'{labelled / len(dataset):.0f} a scan',
                      f'{stock / labelled:.1%}', f'{vote / labelled:.1%}')
    Console().print(table)


if __name__ == '__main__':
    main()
