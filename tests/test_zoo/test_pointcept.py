"""Checkpoints in the form of Pointcept and Sonata, of small networks."""
import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from test_zoo.trained_checkpoints import MINKUNET, network

from erda.zoo.checkpoint_fit import check_training_start, check_weights
from erda.zoo.errors import CheckpointError
from erda.zoo.pointcept import convert

PTV3 = 'projects/ERDA/configs/ptv3_erda_1pct.py'
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
