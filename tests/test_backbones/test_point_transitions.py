import torch

from erda.backbones.point_transitions import TransitionDown, TransitionUp, WholeScan, nearest, sample


def test_nearest_against_a_table_of_distances():
    torch.manual_seed(0)
    xyz, centres = torch.rand(2, 30, 3), torch.rand(2, 7, 3)
    rows = nearest(xyz, centres, 5)
    assert torch.equal(rows.long(), torch.cdist(centres, xyz).argsort(2)[:, :, :5])
    assert nearest(xyz[:, :3], centres, 5).shape == (2, 7, 3)


def test_sampled_points_are_far_from_each_other():
    torch.manual_seed(0)
    xyz = torch.rand(2, 41, 3)
    sampled = sample(xyz)
    assert sampled.shape == (2, 10, 3) and torch.equal(sampled[:, 0], xyz[:, 0])
    for scan in range(2):
        for i in range(1, 10):
            to_nearest = torch.cdist(xyz[scan], sampled[scan, :i]).amin(1)
            assert torch.cdist(sampled[scan, i:i + 1], sampled[scan, :i]).amin() >= to_nearest.amax() - 1e-6
    assert sample(xyz[:, :3]).shape == (2, 1, 3)


def test_down_takes_the_largest_of_the_neighbours():
    torch.manual_seed(0)
    down, features, xyz = TransitionDown(4, 5).eval(), torch.rand(1, 4, 20), torch.rand(1, 20, 3)
    sampled = sample(xyz)
    rows = nearest(xyz, sampled, 6)
    out = down(features, xyz, sampled, rows)
    for m in range(5):
        columns = [torch.cat([xyz[0, j] - sampled[0, m], features[0, :, j]]) for j in rows[0, m].tolist()]
        expected = torch.stack([down.conv(column.view(1, 7, 1, 1)).flatten() for column in columns]).amax(0)
        assert torch.allclose(out[0, :, m], expected, atol=1e-6)


def test_up_weighs_by_distance():
    torch.manual_seed(0)
    up, xyz, few = TransitionUp(4, 5).eval(), torch.rand(1, 9, 3), torch.rand(1, 4, 3)
    features, skip = torch.rand(1, 4, 4), torch.rand(1, 5, 9)
    out, projected, kept = up(features, few, skip, xyz), up.up(features)[0], up.skip(skip)[0]
    for i in range(9):
        distances = (xyz[0, i] - few[0]).norm(dim=1)
        rows = distances.argsort()[:3]
        weights = (1 / distances[rows]) / (1 / distances[rows]).sum()
        assert torch.allclose(out[0, :, i], kept[:, i] + projected[:, rows] @ weights, atol=1e-5)


def test_up_from_one_point_copies_it():
    up, xyz = TransitionUp(4, 5).eval(), torch.rand(1, 9, 3)
    features, skip = torch.rand(1, 4, 1), torch.zeros(1, 5, 9)
    assert torch.allclose(up(features, xyz[:, :1], skip, xyz), up.up(features) + up.skip(skip), atol=1e-6)


def test_each_point_hears_of_the_whole_scan():
    torch.manual_seed(0)
    whole, features = WholeScan(4).eval(), torch.rand(2, 4, 6)
    mean = whole.mean(features.mean(2, keepdim=True)).repeat(1, 1, 6)
    assert torch.allclose(whole(features), whole.both(torch.cat([features, mean], 1)))
