import copy
import importlib.util
import sys

import pytest
import torch
import torch.nn.functional as F
from mmdet3d.models.layers.spconv import IS_SPCONV2_AVAILABLE
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from test_ops.same_gradients import assert_same_with_gradients

from erda.ops.spconv_weights import to_mmcv_layout
from erda.ops.torchsparse_points import sphash
from erda.ops.torchsparse_portable import PORTABLE_MODULES, PortableModule, install_torchsparse

needs_stand_in = pytest.mark.skipif(not install_torchsparse(), reason='torchsparse is installed')
BACKBONES = ('MinkUNetBackbone', 'MinkUNetBackboneV2', 'SPVCNNBackbone')


@needs_stand_in
def test_installing_twice_changes_nothing():
    modules = {name: sys.modules[name] for name in PORTABLE_MODULES}
    assert install_torchsparse()
    assert all(sys.modules[name] is module for name, module in modules.items())


@needs_stand_in
def test_modules_look_like_a_package():
    import torchsparse.nn.functional
    from torchsparse import PointTensor  # noqa: F401
    from torchsparse.nn.utils import fapply  # noqa: F401
    for name in PORTABLE_MODULES:
        assert importlib.util.find_spec(name).name == name
    assert importlib.util.find_spec('torchsparse.backbones') is None
    assert torchsparse.nn.functional.sphash is sphash and torchsparse.__version__ == '1.4.0'


@needs_stand_in
def test_what_is_missing_says_so():
    import torchsparse
    with pytest.raises(AttributeError, match=r'torchsparse\.nn\.SparseCrop has no portable version.*compiled'):
        _ = torchsparse.nn.SparseCrop
    with pytest.raises(ImportError, match='torchsparse_portable'):
        from torchsparse.nn import SparseCrop  # noqa: F401


@needs_stand_in
def test_installed_torchsparse_is_left_alone(tmp_path, monkeypatch):
    for name in PORTABLE_MODULES:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / 'torchsparse').mkdir()
    (tmp_path / 'torchsparse' / '__init__.py').write_text('compiled = True')
    monkeypatch.syspath_prepend(tmp_path)
    assert not install_torchsparse() and 'torchsparse' not in sys.modules
    import torchsparse
    assert torchsparse.compiled and not isinstance(torchsparse, PortableModule)
    assert not install_torchsparse() and sys.modules['torchsparse'] is torchsparse
    monkeypatch.delitem(sys.modules, 'torchsparse')


def small_backbone(name='MinkUNetBackbone', **kwargs):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    config = dict(type=name, in_channels=4, base_channels=8, num_stages=4, encoder_channels=[8, 8, 12, 16],
                  encoder_blocks=[1] * 4, decoder_channels=[16, 12, 8, 8], decoder_blocks=[1] * 4,
                  sparseconv_backend='torchsparse')
    # mmdet3d inserts into the lists it is given.
    return MODELS.build(copy.deepcopy({**config, **kwargs}))


def two_scans(points=300, size=32):
    """Voxel features ``[N, 4]`` and coordinates ``[N, 4]`` (x, y, z, batch) on a grid whose far corner is occupied."""
    generator = torch.Generator().manual_seed(0)
    coords = torch.cat([torch.randint(0, size, (points, 3), generator=generator), torch.full((1, 3), size - 1)])
    coords = torch.cat([F.pad(coords.unique(dim=0), (0, 1), value=scan) for scan in (0, 1)]).int()
    return torch.randn(len(coords), 4, generator=generator), coords


@needs_stand_in
@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('kwargs', [dict(), dict(block_type='bottleneck')])
@pytest.mark.parametrize('name', BACKBONES)
def test_stock_backbone_trains_and_predicts(name, kwargs, autocast):
    backbone = small_backbone(name, **kwargs)
    feats, coords = two_scans()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        out = backbone(feats, coords)
    assert len(out) == len(feats)
    out.float().square().mean().backward()
    for key, parameter in backbone.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert parameter.grad.any(), key
    backbone.eval()
    with torch.no_grad():
        together = backbone(feats, coords)
        alone = backbone(feats[coords[:, 3] == 1], coords[coords[:, 3] == 1])
    torch.testing.assert_close(together[coords[:, 3] == 1], alone)


@needs_stand_in
@pytest.mark.parametrize('name', BACKBONES)
def test_state_has_the_keys_of_torchsparse(name):
    def norm(prefix):
        return {f'{prefix}.{key}' for key in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')}

    def convs(prefix, *places):
        return set().union(*({f'{prefix}.{i}.kernel'} | norm(f'{prefix}.{i + 1}') for i in places))

    expected = convs('conv_input.0.net', 0) | convs('conv_input.1.net', 0)
    for stage in range(4):
        expected |= convs(f'encoder.{stage}.0.net', 0) | convs(f'encoder.{stage}.1.net', 0, 3)
        expected |= convs(f'decoder.{stage}.0.net', 0) | convs(f'decoder.{stage}.1.0.net', 0, 3)
        expected |= convs(f'decoder.{stage}.1.0.downsample', 0)
    for stage in (2, 3):  # the stages with more channels than the one before
        expected |= convs(f'encoder.{stage}.1.downsample', 0)
    if name == 'SPVCNNBackbone':
        for i in range(3):
            expected |= norm(f'point_transforms.{i}.1')
            expected |= {f'point_transforms.{i}.0.weight', f'point_transforms.{i}.0.bias'}
    state = small_backbone(name).state_dict()
    assert set(state) == expected
    shapes = {'conv_input.0.net.0': (27, 4, 8), 'encoder.2.0.net.0': (8, 8, 8), 'encoder.2.1.downsample.0': (8, 12),
              'decoder.0.0.net.0': (8, 16, 16), 'decoder.0.1.0.net.0': (27, 28, 16)}
    assert {key: tuple(state[f'{key}.kernel'].shape) for key in shapes} == shapes


@needs_stand_in
@pytest.mark.skipif(not IS_SPCONV2_AVAILABLE, reason='compares with weights in the layout of spconv')
def test_backbone_equals_spconv():
    model = small_backbone().double()
    spconv_model = small_backbone(sparseconv_backend='spconv').double()
    ours, theirs = ([module for module in backbone.modules() if isinstance(getattr(module, name, None), torch.Tensor)]
                    for backbone, name in ((model, 'kernel'), (spconv_model, 'weight')))
    norms, their_norms = ([module for module in backbone.modules() if isinstance(module, torch.nn.BatchNorm1d)]
                          for backbone in (model, spconv_model))
    theirs = [module for module in theirs if not isinstance(module, torch.nn.BatchNorm1d)]
    assert len(ours) == len(theirs) and len(norms) == len(their_norms)
    for here, there in zip(norms, their_norms):
        torch.nn.init.uniform_(here.weight, 0.5, 1.5)
        there.load_state_dict(here.state_dict())
    weights = []  # spconv's as torchsparse lays them out
    for here, there in zip(ours, theirs):
        weight = to_mmcv_layout(there.weight)
        if here.kernel_volume % 2:
            weight = weight.permute(2, 1, 0, 3, 4)
        weights.append(weight.reshape(here.kernel.shape))
        here.kernel.data.copy_(weights[-1])
    feats, coords = two_scans()
    feats = feats.double().requires_grad_()
    found = model(feats, coords)
    expected = spconv_model(feats, coords[:, [3, 0, 1, 2]].contiguous())
    assert_same_with_gradients(found, expected, (feats, ))
    found_grads = torch.autograd.grad(found.square().sum(), [layer.kernel for layer in ours])
    expected_grads = torch.autograd.grad(expected.square().sum(), [layer.weight for layer in theirs])
    for layer, weight, grad, expected_grad in zip(theirs, weights, found_grads, expected_grads):
        torch.testing.assert_close(torch.autograd.grad(weight, layer.weight, grad)[0], expected_grad)


@needs_stand_in
@pytest.mark.parametrize('name', ['minkunet', 'spvcnn'])
def test_stock_segmentor_learns_and_predicts(name):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    config = get_config(f'mmdet3d::_base_/models/{name}.py').model
    config.data_preprocessor.update(type='WeakSegDataPreprocessor', ignore_index=5)  # the stock one needs CUDA
    config.data_preprocessor.voxel_layer.voxel_size = [0.1, 0.1, 0.1]
    config.backbone.update(base_channels=8, encoder_channels=[8, 8, 16, 16], decoder_channels=[16, 16, 8, 8],
                           encoder_blocks=[1] * 4, decoder_blocks=[1] * 4)
    config.decode_head.update(channels=8, num_classes=5, ignore_index=5, dropout_ratio=0)
    config.test_cfg = ConfigDict()
    model = MODELS.build(config)
    clouds = [torch.rand(400, 4) * 3 for _ in range(2)]
    samples = []
    for cloud in clouds:
        sample = Det3DDataSample()
        sample.gt_pts_seg = PointData(pts_semantic_mask=(cloud[:, 2] / 3 * 5).long())
        samples.append(sample)
    batch = dict(inputs=dict(points=clouds), data_samples=samples)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(10):
        data = model.data_preprocessor(copy.deepcopy(batch), training=True)
        loss = sum(model(**data, mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    model.eval()
    with torch.no_grad():
        results = model.test_step(copy.deepcopy(batch))
    assert [len(result.pred_pts_seg.pts_semantic_mask) for result in results] == [400, 400]
