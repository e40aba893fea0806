"""Networks without voxels, tested by votes on a grid."""
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.registry import init_default_scope
from scipy.spatial import cKDTree

from erda.config import ConfigError
from erda.weak_labels import grid_subsample

VOTES = dict(mode='vote', voxel_size=0.2, num_points=128, votes=1, momentum=0.95, batch_size=4)


def config(in_channels=6, **test_cfg):
    init_default_scope('mmdet3d')
    cfg = tiny_config('projects/ERDA/configs/randlanet_erda_1pct_s3dis.py', '').model
    cfg.backbone.in_channels = in_channels
    cfg.test_cfg = {**VOTES, **test_cfg}
    return cfg


def build(cfg=None, **changes):
    torch.manual_seed(0)
    model = MODELS.build(cfg or config(**changes)).eval()
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


def test_normalized_coordinates_are_those_of_the_room():
    model, seen = build(in_channels=9, use_normalized_coord=True), []
    model.backbone.register_forward_pre_hook(lambda module, args: seen.append(args[0].flatten(0, 1)))
    points = room()
    assert log_probabilities(model, points).shape == (1500, 13)
    rows = torch.cat(seen)
    relative = points[:, :3] / points[:, :3].amax(dim=0)
    known = {tuple(row) for row in torch.cat([points[:, 3:], relative], dim=1).tolist()}
    assert rows.shape[1] == 9 and {tuple(row) for row in rows[:, 3:].tolist()} <= known


def test_outputs_behind_the_classes_are_averaged_as_they_are():
    """Features travel like this, see erda.inference.Segmentor."""
    model, points = build(voxel_size=None), room()
    model.encode_decode = lambda batch, metas: torch.cat([batch.new_zeros(len(batch), 13, 128), batch[..., 3:].mT], 1)
    outputs = model.vote_inference(points)
    torch.testing.assert_close(outputs[13:].T, points[:, 3:])
    torch.testing.assert_close(outputs[:13].exp(), torch.full((13, 1500), 1 / 13))


def test_sliding_windows_are_those_of_mmdet3d():
    cfg = config(mode='slide', block_size=1.0, sample_rate=0.5, use_normalized_coord=False)
    logits = []
    for kind in ('VotingSegmentor', 'EncoderDecoder3D'):
        model = build(dict(cfg, type=kind))
        torch.manual_seed(0)  # windows are filled up at random
        logits.append(log_probabilities(model, room()))
    assert torch.equal(*logits)


def test_scans_of_different_sizes_are_refused():
    model = build()
    with pytest.raises(ConfigError, match='equally many points in a batch, not 10, 20.*RegularPointSample'):
        model.loss(dict(points=[room(10), room(20)]), [])
