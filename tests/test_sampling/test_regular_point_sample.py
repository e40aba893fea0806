import numpy as np
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import DepthPoints


def room(num_points, path='a.bin'):
    """Labels are rows, so that they say which point it was; colours are coordinates."""
    xyz = np.random.default_rng(0).uniform(0, (8, 5, 3), (num_points, 3)).astype(np.float32)
    points = DepthPoints(torch.from_numpy(np.hstack([xyz, xyz])), 6, dict(color=[3, 4, 5]))
    return dict(points=points, pts_semantic_mask=np.arange(num_points), lidar_path=path)


def build(**kwargs):
    np.random.seed(0)
    return TRANSFORMS.build(dict(type='RegularPointSample', **{'num_points': 200, **kwargs}))


def test_labels_and_colours_stay_with_their_points():
    before = room(1000)['points'].tensor
    results = build()(room(1000))
    points, rows = results['points'].tensor, results['pts_semantic_mask']
    assert points.shape == (200, 6) and len(set(rows)) == 200
    assert torch.equal(points[:, 3:], before[rows, 3:])
    shift = points[:, :3] - before[rows, :3]
    assert (shift - shift[0]).abs().max() < 1e-5 and shift[:, 2].abs().max() == 0, 'x and y are centred'
    assert results['points'].attribute_dims == dict(color=[3, 4, 5])


def test_a_sample_is_what_is_nearest_to_its_centre():
    transform = build(center_noise=0.0)
    results = transform(room(1000))
    before, rows = room(1000)['points'].tensor[:, :3], results['pts_semantic_mask']
    squares = (before - before[rows[0]]).square().sum(dim=1)
    assert set(rows) == set(squares.argsort()[:200].tolist())


def test_a_room_is_covered_by_turns():
    transform, seen = build(), set()
    for _ in range(25):
        seen |= set(transform(room(1000))['pts_semantic_mask'])
    assert len(seen) == 1000
    assert len(transform._seen) == 1
    transform(room(300, 'b.bin'))
    assert {path: len(seen) for path, seen in transform._seen.items()} == {'a.bin': 1000, 'b.bin': 300}


def test_a_small_room_is_drawn_from_with_replacement():
    rows = build()(room(50))['pts_semantic_mask']
    assert len(rows) == 200 and set(rows) == set(range(50))


def test_labels_do_not_decide_where_samples_lie():
    one, other = room(1000), room(1000)
    other['pts_semantic_mask'] = np.full(1000, -1)
    assert torch.equal(build()(one)['points'].tensor, build()(other)['points'].tensor)


def test_normalized_coordinates_are_those_of_the_room():
    results = build(use_normalized_coord=True)(room(1000))
    before = room(1000)['points'].tensor[:, :3]
    expected = before[results['pts_semantic_mask']] / before.amax(dim=0)
    torch.testing.assert_close(results['points'].tensor[:, 6:], expected)
    assert results['points'].attribute_dims['normalized_coord'] == [6, 7, 8]
