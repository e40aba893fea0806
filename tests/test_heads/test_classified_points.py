"""Rows of the classifier for every point, for networks with and without voxels."""
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.registry import init_default_scope

from erda.heads import ClassifierCall, classify_points, mean_call
from erda.heads.classified_points import evaluation_mode

VOXELS = ['minkunet_erda_1pct', 'cylinder3d_erda_1pct']


def build(name):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(f'projects/ERDA/configs/{name}.py', '').model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    return model


def scan(num_points, seed):
    return torch.rand(num_points, 4, generator=torch.Generator().manual_seed(seed)) * torch.tensor([20, 20, 2, 1.])


@pytest.mark.parametrize('name', VOXELS)
def test_logits_are_those_of_prediction(name):
    model, scans = build(name), [scan(300, 0), scan(200, 1)]
    calls = classify_points(model, scans)
    assert [len(call.features) for call in calls] == [300, 200]
    for points, call in zip(scans, calls):
        sample, = model.eval().test_step(dict(inputs=dict(points=[points]), data_samples=[Det3DDataSample()]))
        expected = sample.pts_seg_logits.pts_seg_logits.T[:, :19]
        torch.testing.assert_close(call.seg_logits, expected, atol=1e-4, rtol=1e-4)


def test_networks_without_voxels():
    model = build('pointnet2_ssg_erda_1pct_s3dis')
    points = [torch.rand(256, 9) for _ in range(2)]
    calls = classify_points(model, points)
    with torch.no_grad():
        expected = model.eval().decode_head(model.extract_feat(torch.stack(points)))
    for call, logits in zip(calls, expected):
        assert torch.equal(call.seg_logits, logits.T)
        torch.testing.assert_close(call.features @ model.decode_head.conv_seg.weight[..., 0].T
                                   + model.decode_head.conv_seg.bias, call.seg_logits)


def test_the_model_is_left_as_it_was():
    model = build('minkunet_erda_1pct').train()
    model.decode_head.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    call, = classify_points(model, [scan(300, 0)])
    assert not call.features.requires_grad
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model.decode_head.conv_seg._forward_hooks


def test_evaluation_mode_ends_with_an_error_too():
    model = torch.nn.Sequential(torch.nn.Dropout())
    with pytest.raises(KeyError), evaluation_mode(model):
        assert not model[0].training
        raise KeyError
    assert model.training and model[0].training


def test_mean_of_features_and_probabilities():
    calls = [ClassifierCall(torch.rand(6, 3), 5 * torch.randn(6, 4)) for _ in range(3)]
    mean = mean_call(calls)
    torch.testing.assert_close(mean.features, sum(call.features for call in calls) / 3)
    torch.testing.assert_close(mean.seg_logits.exp(), sum(call.seg_logits.softmax(dim=1) for call in calls) / 3)


def test_mean_of_one_call_is_that_call():
    call = ClassifierCall(torch.rand(6, 3), torch.randn(6, 4))
    assert mean_call([call]) is call
