import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.registry import init_default_scope

CLASSES = 5
POINTS = 256
CHANNELS = {'pointnet2_ssg': 6, 'pointnet2_msg': 6, 'dgcnn': 9, 'paconv_ssg': 9, 'paconv_ssg-cuda': 9}


def small_config(name):
    """mmdet3d's own config, for small clouds."""
    config = get_config(f'mmdet3d::_base_/models/{name}.py').model
    config.decode_head.update(num_classes=CLASSES, ignore_index=CLASSES)
    config.test_cfg = ConfigDict(mode='slide', num_points=POINTS, block_size=1.0, sample_rate=0.5, batch_size=2,
                                 use_normalized_coord=CHANNELS[name] == 9)
    if name == 'dgcnn':
        config.backbone.num_samples = (8, 8, 8)
    else:
        config.backbone.num_points = (64, 32, 16, 8)
        config.backbone.num_samples = ((4, 8),) * 4 if name == 'pointnet2_msg' else (8,) * 4
    return config


def batch(channels, points=POINTS):
    """Two clouds, with every fourth point twice, as sampling with replacement gives."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(2):
        cloud = torch.rand(points, channels, generator=generator)
        cloud[1::4] = cloud[::4]
        sample = Det3DDataSample()
        sample.gt_pts_seg = PointData(pts_semantic_mask=(cloud[:, 2] * CLASSES).long())
        samples.append((cloud, sample))
    clouds, samples = zip(*samples)
    return {'points': list(clouds)}, list(samples)


@pytest.fixture(params=CHANNELS)
def model(request, point_ops):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    model = MODELS.build(small_config(request.param))
    model.channels = CHANNELS[request.param]
    return model


def test_learns(model):
    inputs, samples = batch(model.channels)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    totals = []
    for step in range(8):
        losses = model(inputs, samples, mode='loss')
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        if step == 0:
            without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
            assert without == []
            assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
        optimizer.step()
        totals.append(float(losses.get('decode.loss_sem_seg', total)))
    assert totals[-1] < 0.8 * totals[0]


def test_predicts(model):
    cloud = torch.rand(400, 6) * torch.tensor([1.5, 1.5, 2, 1, 1, 1])
    with torch.no_grad():
        results = model.eval()({'points': [cloud]}, [Det3DDataSample()], mode='predict')
    mask = results[0].pred_pts_seg.pts_semantic_mask
    assert mask.shape == (400,) and mask.max() < CLASSES
