"""Batches that no data set is needed for."""
import math

import torch
from mmdet3d.structures import Det3DDataSample, PointData

from ..weak_labels import UNLABELED


def made_batch(points: int, classes: int, seed: int) -> dict:
    """Two scans of a wavy surface; its voxels of 0.5 m have 8 neighbours, those of a street 7."""
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for _ in range(2):
        number = torch.arange(points // 2)
        side = math.isqrt(points // 2)
        x, y = number % side, number // side
        z = (3 * torch.sin(x / 7 + seed)).round()
        xyz = 0.5 * torch.stack([x, y, z], dim=1)
        inputs.append(torch.cat([xyz, torch.rand(len(xyz), 1, generator=generator)], dim=1))
        labels = torch.full((len(xyz), ), UNLABELED)
        labels[::100] = torch.randint(classes, labels[::100].shape, generator=generator)
        samples.append(Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=labels)))
    return dict(inputs=dict(points=inputs), data_samples=samples)


def made_rooms(points: int, classes: int, seed: int) -> dict:
    """Two clouds of nine channels in 0 to 1, whose class is decided by the first; a tenth of the labels is seen."""
    generator = torch.Generator().manual_seed(seed)
    clouds = [torch.rand(points, 9, generator=generator) for _ in range(2)]
    samples = []
    for cloud in clouds:
        labels = (cloud[:, 0] * classes).long()
        labels[torch.rand(points, generator=generator) > 0.1] = UNLABELED
        samples.append(Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=labels)))
    return dict(inputs=dict(points=clouds), data_samples=samples)
