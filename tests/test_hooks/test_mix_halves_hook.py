import pytest
import torch
from mmdet3d.structures import Det3DDataSample, PointData

from erda.hooks import MixHalvesHook


def batch(*sizes):
    """Scans around the origin whose rows say where they are from: scan number, row number."""
    generator = torch.Generator().manual_seed(0)
    points, samples = [], []
    for number, size in enumerate(sizes):
        rows = torch.stack([torch.full((size, ), float(number)), torch.arange(size).float()], dim=1)
        points.append(torch.cat([torch.randn(size, 3, generator=generator), rows], dim=1))
        samples.append(Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=rows.long().sum(dim=1),
                                                            second_view=rows.clone())))
    return dict(inputs=dict(points=points), data_samples=samples)


def mixed(prob=1.0, sizes=(40, 60, 50)):
    data = batch(*sizes)
    torch.manual_seed(1)
    MixHalvesHook(prob=prob).before_train_iter(None, 0, data)
    return data


@pytest.mark.parametrize('sizes', [(40, 60, 50), (40, 40), (41, 41)])
def test_every_point_is_in_one_scan_with_its_label_and_its_second_view(sizes):
    data = mixed(sizes=sizes)
    for points, sample in zip(data['inputs']['points'], data['data_samples']):
        assert torch.equal(sample.gt_pts_seg.second_view, points[:, 3:])
        assert torch.equal(sample.gt_pts_seg.pts_semantic_mask, points[:, 3:].long().sum(dim=1))
    before = {tuple(row) for scan in batch(*sizes)['inputs']['points'] for row in scan.tolist()}
    after = [tuple(row) for scan in data['inputs']['points'] for row in scan.tolist()]
    assert len(after) == len(before) and set(after) == before


def test_a_plane_through_the_origin_parts_a_scan_from_the_next_one():
    sizes = (40, 60, 50)
    for number, scan in enumerate(mixed(sizes=sizes)['inputs']['points']):
        own = scan[scan[:, 3] == number, :2].double()
        other = scan[scan[:, 3] == (number + 1) % len(sizes), :2].double()
        assert len(own) + len(other) == len(scan) and len(own) and len(other)
        angles = torch.linspace(0, 2 * torch.pi, 3600, dtype=torch.double)
        directions = torch.stack([angles.cos(), angles.sin()])
        assert ((own @ directions < 0).all(dim=0) & (other @ directions > 0).all(dim=0)).any()


def test_scans_of_one_size_keep_it():
    assert [len(scan) for scan in mixed(sizes=(41, 41, 41))['inputs']['points']] == [41, 41, 41]


@pytest.mark.parametrize('prob, sizes', [(0.0, (40, 60)), (1.0, (40, ))])
def test_nothing_to_mix(prob, sizes):
    for scan, same in zip(mixed(prob, sizes)['inputs']['points'], batch(*sizes)['inputs']['points']):
        assert torch.equal(scan, same)


def test_how_often():
    torch.manual_seed(0)
    hook, count = MixHalvesHook(prob=0.3), 0
    for _ in range(300):
        data = batch(4, 5)
        hook.before_train_iter(None, 0, data)
        count += len({row[3] for row in data['inputs']['points'][0].tolist()}) > 1
    assert 60 < count < 120


@pytest.mark.parametrize('prob', [-0.1, 1.1])
def test_errors(prob):
    with pytest.raises(ValueError, match='prob='):
        MixHalvesHook(prob=prob)
