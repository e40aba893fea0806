import numpy as np
import pytest
import torch
from mmdet3d.datasets.transforms import IndoorPatchPointSample
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import DepthPoints

from erda.weak_labels import UNLABELED

VOID, NUM_POINTS = 13, 256


def room(labelled=0, void=0, points=20_000):
    """A room of 2 x 2 x 2 m, with ``labelled`` points of class 4 at random among unlabelled ones."""
    rng = np.random.default_rng(0)
    cloud = rng.uniform(0, 2, (points, 6)).astype(np.float32)
    labels = np.full(points, UNLABELED)
    chosen = rng.permutation(points)
    labels[chosen[:labelled]] = 4
    labels[chosen[labelled:labelled + void]] = VOID
    return dict(points=DepthPoints(torch.from_numpy(cloud), 6, dict(color=[3, 4, 5])), pts_semantic_mask=labels)


def sample(results, cls='WeakIndoorPatchPointSample', seed=0, **kwargs):
    transform = TRANSFORMS.build(dict(type=cls, num_points=NUM_POINTS, block_size=1.0, ignore_index=VOID,
                                      use_normalized_coord=True, **kwargs))
    np.random.seed(seed)
    return transform(dict(results))


def found(results):
    return (results['pts_semantic_mask'] == 4).sum()


def test_keeps_the_labels_that_the_stock_transform_loses():
    results, kept, stock = room(labelled=100), 0, 0
    for seed in range(5):
        kept += found(sample(results, seed=seed))
        stock += found(sample(results, 'IndoorPatchPointSample', seed=seed))
    assert kept > 10 * stock


def test_takes_every_label_of_the_patch_and_nothing_else():
    results = room(labelled=40)
    ours, stock = sample(results), sample(results, 'IndoorPatchPointSample')
    cloud, normalized = results['points'].tensor.numpy(), ours['points'].tensor[:, 6:].numpy()
    # The last three channels are coordinates over the room's largest ones: they tell which point a row is.
    xyz = normalized * cloud[:, :3].max(0)
    row = np.array([np.abs(cloud[:, :3] - point).sum(1).argmin() for point in xyz])
    assert np.array_equal(results['pts_semantic_mask'][row], ours['pts_semantic_mask'])
    np.testing.assert_allclose(ours['points'].tensor[:, 3:6].numpy(), cloud[row, 3:])
    centre = xyz - ours['points'].tensor[:, :3].numpy()
    np.testing.assert_allclose(centre, np.broadcast_to(centre[0], centre.shape), atol=1e-5)
    inside = (np.abs(cloud[:, :2] - centre[0, :2]) <= 0.7).all(1)
    expected = np.flatnonzero(inside & (results['pts_semantic_mask'] == 4))
    assert set(expected) == set(row[ours['pts_semantic_mask'] == 4]) and len(expected) > 5
    same = (ours['pts_semantic_mask'] == UNLABELED)
    np.testing.assert_allclose(ours['points'].tensor[same], stock['points'].tensor[same], atol=1e-5)
    assert ours['points'].attribute_dims == stock['points'].attribute_dims


def test_leaves_half_of_the_places_to_unlabelled_points():
    assert found(sample(room(labelled=10_000))) == pytest.approx(NUM_POINTS / 2, abs=25)
    assert found(sample(room(labelled=2_000))) == NUM_POINTS // 2


@pytest.mark.parametrize('labelled, void', [(0, 0), (0, 3000), (20_000, 0), (19_000, 1000)])
def test_is_the_stock_transform_without_and_with_every_label(labelled, void):
    results = room(labelled, void)
    ours, stock = sample(results), sample(results, IndoorPatchPointSample.__name__)
    assert torch.equal(ours['points'].tensor, stock['points'].tensor)
    assert np.array_equal(ours['pts_semantic_mask'], stock['pts_semantic_mask'])


def test_unlabelled_points_count_as_annotated(monkeypatch):
    """The stock transform tries ten patches and gives up if less than 70% of the points are annotated."""
    tries, choice = [], np.random.choice

    def counting_choice(candidates, *args, **kwargs):
        tries.append(np.size(candidates) == 1 and candidates)
        return choice(candidates, *args, **kwargs)

    monkeypatch.setattr(np.random, 'choice', counting_choice)
    sample(room(labelled=20), min_unique_num=1)
    assert tries.count(20_000) == 1, 'the first patch was taken'


def test_cloud_smaller_than_a_patch():
    results = room(labelled=5, points=50)
    assert found(sample(results, min_unique_num=1)) >= 1
