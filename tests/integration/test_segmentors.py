"""What every segmentor must do under ERDA, on its own config."""
import copy

import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.models.decode_heads import PointNet2Head
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from erda.heads import ERDAHeadMixin
from erda.weak_labels import UNLABELED

CONFIGS = ['minkunet_erda_1pct', 'spvcnn_erda_1pct', 'ptv3_erda_1pct', 'cylinder3d_erda_1pct',
           'pointnet2_ssg_erda_1pct_s3dis', 'pointnet2_msg_erda_1pct_s3dis', 'dgcnn_erda_1pct_s3dis',
           'paconv_erda_1pct_s3dis', 'ptv1_erda_1pct_s3dis', 'ptv3_erda_1pct_s3dis',
           'randlanet_erda_1pct_s3dis', 'closerlook3d_erda_1pct_s3dis']


def load(name, roots):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    kind = 'S3DISSegDataset' if name.endswith('s3dis') else 'SemanticKittiDataset'
    return tiny_config(f'projects/ERDA/configs/{name}.py', roots[kind])


@pytest.fixture(params=CONFIGS)
def cfg(request, roots):
    return load(request.param, roots)


def stock_model(cfg):
    """The segmentor with mmdet3d's own head; only the voxels are ours, because the stock ones need a GPU."""
    head = dict(cfg.model.decode_head)
    del head['pseudo_labeler'], head['loss_erda']
    return MODELS.build(dict(cfg.model, decode_head=dict(head, type=head['type'].replace('ERDA', ''))))


def logits(model, batch):
    torch.manual_seed(1)  # sliding windows are filled up at random
    with torch.no_grad():
        sample, = model.eval().val_step(copy.deepcopy(batch))
    return sample.pts_seg_logits.pts_seg_logits


def test_stock_and_erda_head_give_the_same_logits(cfg):
    batch = next(iter(Runner.build_dataloader(cfg.val_dataloader)))
    stock, ours = stock_model(cfg), MODELS.build(cfg.model)
    torch.nn.init.normal_(stock.decode_head.conv_seg.weight)
    missing, unexpected = ours.load_state_dict(stock.state_dict(), strict=False)
    assert not unexpected and missing and all('decode_head.pseudo_labeler.' in key for key in missing)
    expected = logits(stock, batch)
    assert torch.equal(logits(ours, batch), expected)

    back = stock_model(cfg)
    missing, unexpected = back.load_state_dict(ours.state_dict(), strict=False)
    assert not missing and all('decode_head.pseudo_labeler.' in key for key in unexpected)
    assert torch.equal(logits(back, batch), expected)


@pytest.mark.parametrize('labels', [0, 1])
def test_a_batch_with_hardly_a_label_trains(cfg, labels):
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    for sample in batch['data_samples']:
        sample.gt_pts_seg.pts_semantic_mask[:] = UNLABELED
    batch['data_samples'][0].gt_pts_seg.pts_semantic_mask[:labels] = 3
    model = MODELS.build(cfg.model)
    losses = model.train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert torch.isfinite(losses['loss'])
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    supervised = sum(value for key, value in losses.items()
                     if key.split('.')[-1] in ('loss_sem_seg', 'loss_ce', 'loss_lovasz'))
    assert (supervised > 0) == (labels > 0)


def test_unequal_scans_few_points_and_points_in_one_place(cfg):
    """In one batch, where a network takes that; sliding windows need a scan as large as one of them."""
    batch = next(iter(Runner.build_dataloader(cfg.val_dataloader)))
    whole, = batch['inputs']['points']
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    few, one, same = whole[::20], whole[:1], whole[:1].expand(50, -1)
    if cfg.model.get('test_cfg', {}).get('mode') == 'slide':
        found = [*logits_of_scans(model, [few, whole[::7]]), *slide_windows(model, same)]
        scans = [few, whole[::7], same]
    else:
        scans = [few, one, same, whole[::7]]
        found = logits_of_scans(model, scans)
    for scan, logits_of_scan in zip(scans, found):
        assert logits_of_scan.shape == (model.decode_head.num_classes, len(scan)) and logits_of_scan.isfinite().all()
    alike = found[2]
    assert torch.allclose(alike, alike[:, :1].expand_as(alike), atol=1e-4)


def logits_of_scans(model, scans):
    """``[K, N_i]`` of each of the scans ``[N_i, C]`` of a batch."""
    torch.manual_seed(1)  # sliding windows are filled up at random
    batch = dict(inputs=dict(points=scans), data_samples=[Det3DDataSample() for _ in scans])
    with torch.no_grad():
        return [sample.pts_seg_logits.pts_seg_logits for sample in model.eval().test_step(batch)]


def slide_windows(model, points):
    """``[1, K, N]`` of points ``[N, 6]`` that are a window themselves."""
    with torch.no_grad():
        return model.eval().encode_decode(torch.cat([points, points[:, :3]], 1)[None], [])


def test_logit_of_void_takes_no_part_in_erda(roots):
    cfg = load('cylinder3d_erda_1pct', roots)
    head = MODELS.build(cfg.model.decode_head)
    assert head.conv_seg.out_channels == 20 and len(head.pseudo_labeler.prototypes) == 19


def test_features_of_the_backbone_stay_whole(roots):
    """The stock head of PointNet++ empties a list that belongs to the backbone's output."""
    cfg = load('pointnet2_ssg_erda_1pct_s3dis', roots)
    model = MODELS.build(cfg.model).eval()
    features = model.extract_feat(torch.rand(1, 256, 9))
    first = model.decode_head(features)
    assert features['sa_features'][0] is not None
    assert torch.equal(model.decode_head(features), first)


def test_a_head_of_somebody_else_in_two_lines(roots):

    @MODELS.register_module(force=True)
    class TheirHead(PointNet2Head):
        pass

    @MODELS.register_module(force=True)
    class ERDATheirHead(ERDAHeadMixin, TheirHead): ...

    cfg = load('pointnet2_ssg_erda_1pct_s3dis', roots)
    cfg.model.decode_head.type = 'ERDATheirHead'
    model = MODELS.build(cfg.model)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    losses = [model.train_step(copy.deepcopy(batch), optimizer) for _ in range(10)]
    assert losses[-1]['decode.loss_sem_seg'] < losses[0]['decode.loss_sem_seg']
    assert losses[-1]['decode.loss_erda'] < losses[0]['decode.loss_erda']
