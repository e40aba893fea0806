import pytest
import torch
from mmdet3d.registry import MODELS
from test_backbones.voxel_scans import voxels_of_scans

from erda.backbones import PointTransformerV3
from erda.config import ConfigError

SMALL = dict(in_channels=5, encoder_channels=[8, 16, 16], encoder_blocks=[1, 2, 1], decoder_channels=[8, 16],
             decoder_blocks=[1, 1], head_channels=8, patch_size=16)
# Of Pointcept's base network with 6 channels going in: shapes as torch prints them, from its public source (MIT).
PUBLISHED = {
    'embedding.stem.conv.weight': (32, 5, 5, 5, 6),
    'embedding.stem.norm.running_mean': (32, ),
    'enc.enc0.block0.cpe.0.weight': (32, 3, 3, 3, 32),
    'enc.enc0.block0.cpe.0.bias': (32, ),
    'enc.enc0.block0.cpe.1.weight': (32, 32),
    'enc.enc0.block0.cpe.2.weight': (32, ),
    'enc.enc0.block0.norm1.0.weight': (32, ),
    'enc.enc0.block0.attn.qkv.weight': (96, 32),
    'enc.enc0.block0.attn.proj.weight': (32, 32),
    'enc.enc0.block0.norm2.0.bias': (32, ),
    'enc.enc0.block0.mlp.0.fc1.weight': (128, 32),
    'enc.enc0.block0.mlp.0.fc2.weight': (32, 128),
    'enc.enc1.down.proj.weight': (64, 32),
    'enc.enc1.down.norm.0.running_var': (64, ),
    'enc.enc3.block5.attn.qkv.bias': (768, ),
    'enc.enc4.block1.cpe.0.weight': (512, 3, 3, 3, 512),
    'dec.dec3.up.proj.0.weight': (256, 512),
    'dec.dec3.up.proj.1.running_mean': (256, ),
    'dec.dec3.up.proj_skip.0.weight': (256, 256),
    'dec.dec0.up.proj_skip.0.weight': (64, 32),
    'dec.dec0.block1.mlp.0.fc2.bias': (64, ),
}


def small(**changes):
    torch.manual_seed(0)
    return MODELS.build(dict(type='PointTransformerV3', **{**SMALL, **changes}))


def shapes(network):
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def test_names_and_shapes_of_the_published_weights():
    with torch.device('meta'):  # shapes alone
        network = PointTransformerV3(in_channels=6)
    found = shapes(network)
    assert {key: found.get(key) for key in PUBLISHED} == PUBLISHED
    assert len(found) == 486
    assert sum(parameter.numel() for parameter in network.parameters()) == 46166272


def test_names_and_shapes_of_the_encoder_of_sonata():
    with torch.device('meta'):
        found = shapes(PointTransformerV3(
            in_channels=9, encoder_channels=[48, 96, 192, 384, 512], encoder_blocks=[3, 3, 3, 12, 3],
            decoder_channels=[96, 96, 192, 384], decoder_blocks=[0] * 4, norm_cfg=dict(type='LN'), stem='linear'))
    assert found['embedding.stem.linear.weight'] == (48, 9) and found['embedding.stem.norm.weight'] == (48, )
    assert found['enc.enc1.down.norm.0.bias'] == (96, ) and found['enc.enc3.block11.attn.qkv.weight'] == (1152, 384)
    assert not [key for key in found if 'running_mean' in key]


@pytest.mark.parametrize('changes', [{}, dict(stem='linear', norm_cfg=dict(type='LN')), dict(position_from_skip=True)])
def test_shape_and_gradients(changes):
    network = small(**changes)
    features = torch.rand(60, 5, requires_grad=True)
    out = network(features, voxels_of_scans([40, 20]))
    assert out.shape == (60, 8)
    out.square().sum().backward()
    assert all(value.grad.isfinite().all() and value.grad.any() for value in (features, network.enc.enc0.block0.cpe[
        0].weight, network.dec.dec1.up.proj[0].weight, network.dec.dec0.block0.mlp[0].fc2.weight))


def test_voxels_in_another_order():
    network = small().double().eval()
    coors, features = voxels_of_scans([40, 20]), torch.rand(60, 5, dtype=torch.float64)
    shuffled = torch.randperm(60)
    assert torch.allclose(network(features[shuffled], coors[shuffled]), network(features, coors)[shuffled])


def test_a_scan_does_not_depend_on_the_others_of_its_batch():
    network = small().double().eval()
    coors, features = voxels_of_scans([70, 1, 33]), torch.rand(104, 5, dtype=torch.float64)
    coors[:70, 1] += 100
    out = network(features, coors)
    for scan in range(3):
        own = coors[:, 0] == scan
        alone = coors[own] - torch.tensor([scan, 0, 0, 0])
        assert torch.allclose(network(features[own], alone), out[own])


def test_orders_change_in_training_and_not_in_prediction():
    network = small(drop_path=0)
    coors, features = voxels_of_scans([100]), torch.rand(100, 5)
    with torch.no_grad():
        assert not torch.equal(network(features, coors), network(features, coors))
        network.eval()
        assert torch.equal(network(features, coors), network(features, coors))


def test_the_first_block_of_a_decoder_level_may_look_for_positions_in_the_skip_alone():
    network = small(position_from_skip=True).eval()
    seen = []
    network.dec.dec0.block0.cpe[0].register_forward_hook(lambda module, args, out: seen.append(args[0].features))
    network.dec.dec0.up.register_forward_hook(lambda module, args, out: seen.append(out))
    network(torch.rand(30, 5), voxels_of_scans([30]))
    (both, skip), position = seen
    assert torch.equal(position, skip) and not torch.equal(position, both)


def test_a_small_network_learns_a_scan_by_heart():
    torch.manual_seed(0)
    coors = voxels_of_scans([300])
    features = torch.cat([coors[:, 1:] / 16, torch.rand(300, 2)], 1)
    labels = torch.randint(3, (8, 8, 8))[(coors[:, 1:].long() // 2).unbind(1)]  # those of neighbours say nothing
    network, classifier = small(norm_cfg=dict(type='LN')), torch.nn.Linear(8, 3)
    optimizer = torch.optim.AdamW([*network.parameters(), *classifier.parameters()], lr=0.005)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(classifier(network(features, coors)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert (classifier(network.eval()(features, coors)).argmax(1) == labels).float().mean() > 0.95


@pytest.mark.parametrize('changes, message', [
    (dict(encoder_blocks=[1, 1]), 'needs 3 encoder_blocks'), (dict(decoder_channels=[8]), '2 decoder_channels'),
    (dict(stem='mlp'), "stem='mlp' is not one of"), (dict(head_channels=16), 'heads of 16')])
def test_bad_arguments(changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)
