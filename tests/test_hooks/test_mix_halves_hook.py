from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData

from erda.hooks import MixHalvesHook
from erda.sampling import collated_pyramids, pyramids_of_batch


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


class _Model(torch.nn.Module):

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone


@pytest.mark.parametrize('backbone', [
    dict(type='RandLANet', in_channels=5, channels=(4, 4), ratios=(2, 2), num_neighbors=4),
    dict(type='CloserLook3D', in_channels=3, channels=12, num_neighbors=(4, 4), voxel_size=0.5, radius=1.0)],
                         ids=lambda cfg: cfg['type'])
@pytest.mark.parametrize('prob', [0.0, 1.0])
def test_neighbours_are_those_of_the_mixed_scans(backbone, prob):
    backbone = MODELS.build(backbone)
    data = batch(40, 40)
    of_scans = [backbone.pyramid_of(scan, np.random.default_rng(0)) for scan in data['inputs']['points']]
    before = data['inputs']['pyramid'] = collated_pyramids(of_scans)
    torch.manual_seed(1)
    MixHalvesHook(prob).before_train_iter(SimpleNamespace(model=_Model(backbone)), 0, data)
    after = data['inputs']['pyramid']
    assert (after is before) == (prob == 0)
    for scan, pyramid in zip(data['inputs']['points'], pyramids_of_batch(after)):
        distances = torch.cdist(scan[:, :3], scan[:, :3])
        near = pyramid.neighbors[0].long()
        assert torch.equal(near[:, 0], torch.arange(40))
        expected = distances.sort(dim=1).values[:, :4]
        assert torch.allclose(distances.gather(1, near.clamp(min=0))[near >= 0], expected[near >= 0], atol=1e-6)
