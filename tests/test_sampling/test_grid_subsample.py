import numpy as np
import pytest
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import DepthPoints

from erda.config import ConfigError
from erda.weak_labels import UNLABELED, RatioBudget, Scan, scan_rng


def room(num_points=3000):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (num_points, 6)).astype(np.float32)
    return points, rng.integers(0, 4, num_points)


def subsample(points, labels, voxel_size):
    results = dict(points=DepthPoints(torch.from_numpy(points), 6, dict(color=[3, 4, 5])), pts_semantic_mask=labels,
                   pts_instance_mask=np.arange(len(labels)))
    return TRANSFORMS.build(dict(type='GridSubsample', voxel_size=voxel_size))(results)


def test_no_label_of_a_budget_on_the_same_grid_is_lost():
    points, truth = room()
    budget = RatioBudget(0.1, base=dict(voxel_size=0.1))
    labels = budget.weaken(truth, 4, Scan('a', scan_rng('a', 0), points=points[:, :3]))
    kept = subsample(points, labels, 0.1)
    assert len(kept['points']) < 1000 and (kept['pts_semantic_mask'] != UNLABELED).sum() == (labels != UNLABELED).sum()
    rows = kept['pts_instance_mask']
    assert np.array_equal(kept['points'].tensor.numpy(), points[rows])
    assert np.array_equal(kept['pts_semantic_mask'], labels[rows])


def test_no_voxel_loses_its_label_to_a_point_without():
    """A budget on raw points labels points that are not the first of their voxels."""
    points, truth = room()
    labels = RatioBudget(0.05).weaken(truth, 4, Scan('a', scan_rng('a', 0)))
    kept = subsample(points, labels, 0.1)
    voxels = {tuple(voxel) for voxel in (points[labels != UNLABELED, :3] // np.float32(0.1)).astype(int).tolist()}
    assert (kept['pts_semantic_mask'] != UNLABELED).sum() == len(voxels)
    assert np.array_equal(kept['pts_semantic_mask'], labels[kept['pts_instance_mask']])
    assert (np.diff(kept['pts_instance_mask']) > 0).all()


def test_one_point_for_each_voxel():
    points, labels = room()
    kept = subsample(points, labels, 0.25)['points'].tensor
    assert len(kept) == len(torch.unique((kept[:, :3] / 0.25).floor(), dim=0)) == 64


def test_a_size_that_is_none():
    with pytest.raises(ConfigError, match='voxel_size=0 must be positive'):
        TRANSFORMS.build(dict(type='GridSubsample', voxel_size=0))
