"""Networks without voxels, tested by votes on a grid."""
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.registry import init_default_scope
from scipy.spatial import cKDTree

from erda.config import ConfigError
from erda.sampling import VotingSegmentor
from erda.weak_labels import grid_subsample

VOTES = dict(mode='vote', voxel_size=0.2, num_points=128, votes=1, momentum=0.95, batch_size=4)


def build(name='randlanet_erda_1pct_s3dis', **test_cfg):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    cfg = tiny_config(f'projects/ERDA/configs/{name}.py', '').model
    cfg.update(type='VotingSegmentor', test_cfg={**VOTES, **test_cfg})
    model = MODELS.build(cfg).eval()
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    return model


def room(num_points=1500):
    points = torch.rand(num_points, 6, generator=torch.Generator().manual_seed(0))
    points[:, :3] *= torch.tensor([3., 2, 1])
    return points


def log_probabilities(model, points):
    sample, = model.test_step(dict(inputs=dict(points=[points]), data_samples=[Det3DDataSample()]))
    logits = sample.pts_seg_logits.pts_seg_logits
    assert torch.equal(sample.pred_pts_seg.pts_semantic_mask, logits.argmax(dim=0))
    return logits.T


def test_every_raw_point_has_what_the_nearest_of_the_grid_has():
    points = room()
    logits = log_probabilities(build(), points)
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(len(points)))
    xyz = points[:, :3].numpy()
    kept = grid_subsample(xyz, 0.2)
    assert len(kept) < len(points)
    assert torch.equal(logits, logits[kept][cKDTree(xyz[kept]).query(xyz)[1]])


def test_the_last_vote_alone_is_a_prediction_around_its_centre():
    """Samples of all points: the second lies around the point that is farthest from the middle of the first."""
    points = room(100)
    model = build(voxel_size=None, num_points=100, votes=1e-9, momentum=0.0)
    center = points[(points[:, :3] - points[0, :3]).norm(dim=1).argmax()]
    order = (points[:, :3] - center[:3]).norm(dim=1).argsort()
    centred = points[order]
    centred[:, :2] -= center[:2]
    with torch.no_grad():
        expected = model.encode_decode(centred[None], [])[0].T.log_softmax(dim=1)
    torch.testing.assert_close(log_probabilities(model, points)[order], expected, rtol=1e-4, atol=1e-4)


def test_the_same_room_twice():
    model, points = build(), room()
    assert torch.equal(log_probabilities(model, points), log_probabilities(model, points))


@pytest.mark.parametrize('num_points', [1, 3])
def test_hardly_a_point(num_points):
    assert log_probabilities(build(), room(num_points)).isfinite().all()


def test_a_stock_network_with_normalized_coordinates():
    model = build('pointnet2_ssg_erda_1pct_s3dis', use_normalized_coord=True, votes=0.01)
    assert type(model) is VotingSegmentor
    assert log_probabilities(model, room()).shape == (1500, 13)


def test_sliding_windows_are_those_of_mmdet3d():
    cfg = tiny_config('projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py', '').model
    model = build('pointnet2_ssg_erda_1pct_s3dis', **cfg.test_cfg)
    stock = MODELS.build(cfg).eval()
    stock.load_state_dict(model.state_dict())
    logits = []
    for network in (model, stock):
        torch.manual_seed(0)
        logits.append(log_probabilities(network, room()))
    assert torch.equal(*logits)


def test_scans_of_different_sizes_are_refused():
    model = build()
    with pytest.raises(ConfigError, match='equally many points in a batch, not 10, 20.*RegularPointSample'):
        model.loss(dict(points=[room(10), room(20)]), [])
