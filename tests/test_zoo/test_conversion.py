"""Checkpoints in the form of Pointcept, Sonata and Open3D-ML, of small networks."""
import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from test_zoo.trained_checkpoints import MINKUNET, network
from torch import nn

from erda.zoo.checkpoint_fit import check_training_start, check_weights
from erda.zoo.conversion import convert
from erda.zoo.errors import CheckpointError

PTV3 = 'projects/ERDA/configs/ptv3_erda_1pct.py'
RANDLANET = 'projects/ERDA/configs/randlanet_erda_1pt_synthetic.py'
OPEN3D_ML = {'model.backbone.residual_slope': 0.01}
POINTCEPT = {'model.backbone.position_from_skip': True}
SONATA = {'model.backbone.stem': 'linear', 'model.backbone.norm_cfg': dict(type='LN')}


def config(folder, **changes):
    return tiny_config(PTV3, folder, work_dir=str(folder), **changes)


def write_pointcept(path, cfg, **more):
    """As its trainer stores it: parallel, with the state of the optimiser and a NumPy number."""
    torch.manual_seed(1)
    state = {}
    for key, value in network(cfg).state_dict().items():
        value = torch.rand_like(value) if value.is_floating_point() else value
        if key.startswith('backbone.'):
            state[f'module.{key}'] = value
        elif key.startswith('decode_head.conv_seg.'):
            state[key.replace('decode_head.conv_seg.', 'module.seg_head.')] = value
    state.update(more)
    torch.save(dict(epoch=50, state_dict=state, optimizer=dict(state={0: dict(exp_avg=torch.zeros(5))}),
                    best_metric_value=np.float64(0.7)), path)
    return state


def write_sonata(path, cfg):
    state = {key.removeprefix('backbone.'): value for key, value in network(cfg).state_dict().items()
             if key.startswith(('backbone.embedding.', 'backbone.enc.'))}
    state['embedding.mask_token'] = torch.zeros(1, 16)
    torch.save(dict(config=dict(in_channels=4), state_dict=state), path)
    return state


def test_weights_of_pointcept_arrive_as_they_are(tmp_path):
    cfg = config(tmp_path, **POINTCEPT)
    theirs = write_pointcept(tmp_path / 'best.pth', cfg)
    conversion = convert(str(tmp_path / 'best.pth'), cfg, tmp_path / 'ours.pth')
    assert (conversion.origin, conversion.left_out, conversion.missing) == ('Pointcept', [], [])
    assert len(conversion.converted) == len(theirs)
    check_weights(cfg, str(tmp_path / 'ours.pth'))
    model = network(cfg)
    model.load_state_dict(torch.load(tmp_path / 'ours.pth')['state_dict'], strict=False)
    ours = model.state_dict()
    for key, value in theirs.items():
        key = key.removeprefix('module.').replace('seg_head.', 'decode_head.conv_seg.')
        assert torch.equal(ours[key], value), key


def test_a_classifier_of_other_classes_is_left_out(tmp_path):
    cfg = config(tmp_path, **POINTCEPT)
    write_pointcept(tmp_path / 'best.pth', cfg, **{'module.seg_head.weight': torch.zeros(16, 16),
                                                   'module.seg_head.bias': torch.zeros(16)})
    conversion = convert(str(tmp_path / 'best.pth'), cfg, tmp_path / 'ours.pth')
    assert conversion.left_out == ['decode_head.conv_seg.weight', 'decode_head.conv_seg.bias']
    assert 'do not fit and start with random values' in check_training_start(
        config(tmp_path, load_from=str(tmp_path / 'ours.pth'), **POINTCEPT))


def test_the_encoder_of_sonata(tmp_path):
    cfg = config(tmp_path, **SONATA)
    theirs = write_sonata(tmp_path / 'sonata.pth', cfg)
    conversion = convert(str(tmp_path / 'sonata.pth'), cfg, tmp_path / 'ours.pth')
    assert conversion.origin == 'Sonata' and len(conversion.converted) == len(theirs) - 1
    assert conversion.missing and all(key.startswith(('backbone.dec.', 'decode_head.')) for key in conversion.missing)
    assert '2 do not fit' not in check_training_start(config(tmp_path, load_from=str(tmp_path / 'ours.pth'), **SONATA))


@pytest.mark.parametrize('written, wanted, message', [
    (POINTCEPT, {}, r'set it in model.backbone of .*ptv3_erda_1pct.py'),
    (POINTCEPT, {**POINTCEPT, 'model.backbone.in_channels': 6}, '1 weights do not fit, such as backbone.embedding'),
    (POINTCEPT, {**POINTCEPT, 'model.backbone.encoder_blocks': [2, 1]}, 'enc0.block1.cpe.0.weight is missing'),
    (POINTCEPT, SONATA, 'was trained with position_from_skip=True'),
])
def test_another_backbone_is_refused(tmp_path, written, wanted, message):
    write_pointcept(tmp_path / 'best.pth', config(tmp_path, **written))
    with pytest.raises(CheckpointError, match=message):
        convert(str(tmp_path / 'best.pth'), config(tmp_path, **wanted), tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()


def test_what_is_not_here_is_refused(tmp_path):
    cfg = config(tmp_path, **POINTCEPT)
    write_pointcept(tmp_path / 'best.pth', cfg,
                    **{'module.backbone.enc.enc0.block0.attn.rpe.rpe_table': torch.zeros(9, 2)})
    with pytest.raises(CheckpointError, match='rpe_table is unknown here'):
        convert(str(tmp_path / 'best.pth'), cfg, tmp_path / 'ours.pth')
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match='is not a checkpoint of Point Transformer V3'):
        convert(str(tmp_path / 'other.pth'), cfg, tmp_path / 'ours.pth')
    with pytest.raises(CheckpointError, match='is MinkUNetBackbone'):
        convert(str(tmp_path / 'best.pth'), tiny_config(MINKUNET, tmp_path), tmp_path / 'ours.pth')


def write_open3d_ml(path, cfg):
    """As its pipeline stores it, with the layers that its RandLA-Net is made of."""
    torch.manual_seed(1)
    model = network(cfg)
    widths = [2 * block.reduce.linear.out_features * 2 for block in model.backbone.encoder]  # of their outputs
    layers = nn.ModuleDict(dict(fc0=nn.Linear(6, 8), bn0=nn.BatchNorm2d(8), mlp=mlp(widths[-1], widths[-1])))
    layers['encoder'] = nn.ModuleList(block(before, width // 2) for before, width in zip([8, *widths], widths))
    skips = [widths[0], *widths[:-1]]
    layers['decoder'] = nn.ModuleList(mlp(skip + below, skip, nn.ConvTranspose2d) for skip, below in
                                      reversed([*zip(skips, [*skips[1:], widths[-1]])]))
    hidden = [conv.conv.out_channels for conv in model.decode_head.pre_seg]
    layers['fc1'] = nn.ModuleList([mlp(skips[0], hidden[0]), mlp(*hidden), nn.Dropout(),
                                   nn.ModuleDict(dict(conv=nn.Conv2d(hidden[1], model.decode_head.num_classes, 1)))])
    for layer in layers.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight, layer.bias, layer.running_mean):
                nn.init.normal_(values)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    torch.save(dict(epoch=3, model_state_dict=layers.state_dict(), scheduler_state_dict=dict(gamma=0.99)), path)
    return layers.eval()


def mlp(before, after, kind=nn.Conv2d):
    return nn.ModuleDict(dict(conv=kind(before, after, 1), batch_norm=nn.BatchNorm2d(after, eps=1e-6)))


def block(before, channels):
    def pool(after):
        score = nn.Sequential(nn.Linear(channels, channels), nn.Softmax(dim=-2))
        return nn.ModuleDict(dict(score_fn=score, mlp=mlp(channels, after)))

    half = channels // 2
    return nn.ModuleDict(dict(
        mlp1=mlp(before, half), lse1=nn.ModuleDict(dict(mlp=mlp(10, half))), pool1=pool(half),
        lse2=nn.ModuleDict(dict(mlp=mlp(half, half))), pool2=pool(channels), mlp2=mlp(channels, 2 * channels),
        shortcut=mlp(before, 2 * channels)))


def test_randla_net_of_open3d_ml(tmp_path):
    """Every layer computes what theirs does, whose biases are in other places."""
    cfg = tiny_config(RANDLANET, tmp_path, **OPEN3D_ML)
    theirs = write_open3d_ml(tmp_path / 'theirs.pth', cfg)
    conversion = convert(str(tmp_path / 'theirs.pth'), cfg, tmp_path / 'ours.pth')
    assert (conversion.origin, conversion.left_out, conversion.missing) == ('Open3D-ML', [], [])
    check_weights(cfg, str(tmp_path / 'ours.pth'))
    model = network(cfg).eval()
    model.load_state_dict(torch.load(tmp_path / 'ours.pth')['state_dict'], strict=False)
    backbone, head, last = model.backbone, model.decode_head, len(model.backbone.encoder) - 1

    def compare(ours, layer):
        before = layer['conv'].in_channels
        x = torch.randn(1, before, 20, 1)
        expected = layer['batch_norm'](layer['conv'](x))[0, :, :, 0].t()
        actual = ours.norm(ours.linear(x[0, :, :, 0].t()))
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)

    compare(backbone.bottom, theirs['mlp'])
    for level, (ours, other) in enumerate(zip(backbone.encoder, theirs['encoder'])):
        assert ours.activation.negative_slope == 0.01
        compare(ours.reduce, other['mlp1'])
        compare(ours.encode1, other['lse1']['mlp'])
        compare(ours.encode2, other['lse2']['mlp'])
        compare(ours.pool1.mlp, other['pool1']['mlp'])
        compare(ours.pool2.mlp, other['pool2']['mlp'])
        compare(ours.expand, other['mlp2'])
        compare(ours.shortcut, other['shortcut'])
        compare(backbone.decoder[last - level], theirs['decoder'][level])
        x = torch.randn(5, 16, ours.pool1.score.in_features)  # points, neighbours, channels
        for pool, name in ((ours.pool1, 'pool1'), (ours.pool2, 'pool2')):
            torch.testing.assert_close(pool.score(x).softmax(dim=1), other[name]['score_fn'](x))
    x = torch.randn(7, 6)
    torch.testing.assert_close(backbone.stem.norm(backbone.stem.linear(x)),
                               theirs['bn0'](theirs['fc0'](x)[..., None, None])[..., 0, 0], rtol=1e-4, atol=1e-4)
    x = torch.randn(1, theirs['fc1'][0]['conv'].in_channels, 9, 1)
    ours = head.pre_seg[0].bn(head.pre_seg[0].conv(x[..., 0]))
    torch.testing.assert_close(ours, theirs['fc1'][0]['batch_norm'](theirs['fc1'][0]['conv'](x))[..., 0], rtol=1e-4,
                               atol=1e-4)
    x = torch.randn(1, theirs['fc1'][3]['conv'].in_channels, 9, 1)
    torch.testing.assert_close(head.conv_seg(x[..., 0]), theirs['fc1'][3]['conv'](x)[..., 0])


def test_another_randla_net_is_refused(tmp_path):
    cfg = tiny_config(RANDLANET, tmp_path, **OPEN3D_ML)
    write_open3d_ml(tmp_path / 'theirs.pth', cfg)
    with pytest.raises(CheckpointError, match='trained with residual_slope=0.01: set it in model.backbone'):
        convert(str(tmp_path / 'theirs.pth'), tiny_config(RANDLANET, tmp_path), tmp_path / 'ours.pth')
    other = tiny_config(RANDLANET, tmp_path, **OPEN3D_ML, **{'model.backbone.in_channels': 3})
    with pytest.raises(CheckpointError, match='1 weights do not fit, such as backbone.stem.linear.weight'):
        convert(str(tmp_path / 'theirs.pth'), other, tmp_path / 'ours.pth')
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match="is not a checkpoint of Open3D-ML's RandLA-Net for PyTorch"):
        convert(str(tmp_path / 'other.pth'), cfg, tmp_path / 'ours.pth')
    assert not (tmp_path / 'ours.pth').exists()
