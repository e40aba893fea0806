"""What fits, what does not, and what training makes of it."""
import pytest
import torch
from integration.tiny_configs import tiny_config
from test_zoo.trained_checkpoints import CYLINDER, MINKUNET, SPARSE, network, write_checkpoint

from erda.zoo.checkpoint_file import read_checkpoint
from erda.zoo.checkpoint_fit import check_training_start, check_weights, load_weights
from erda.zoo.errors import CheckpointError

OTHER_CLASSES = {'model.decode_head.num_classes': 5}


def start(folder, config=MINKUNET, **settings):
    return check_training_start(tiny_config(config, folder, work_dir=str(folder), **settings))


@pytest.mark.parametrize('config, of', [(MINKUNET, SPARSE), (SPARSE, MINKUNET)])
def test_stock_and_erda_heads_exchange_weights(tmp_path, config, of):
    path = write_checkpoint(tmp_path, of)
    model = network(tiny_config(config, tmp_path))
    load_weights(model, str(path))
    stored = read_checkpoint(str(path))['state_dict']
    shared = [key for key in model.state_dict() if key in stored]
    assert 'decode_head.conv_seg.weight' in shared
    assert all(torch.equal(model.state_dict()[key], stored[key]) for key in shared)
    assert start(tmp_path, config, load_from=str(path)) is None


def test_weights_of_a_parallel_network(tmp_path):
    path = write_checkpoint(tmp_path)
    content = torch.load(path)
    state, versions = content['state_dict'], content['state_dict']._metadata
    content['state_dict'] = type(state)((f'module.{key}', value) for key, value in state.items())
    content['state_dict']._metadata = versions
    torch.save(content, path)
    check_weights(tiny_config(MINKUNET, tmp_path), str(path))


def test_what_a_test_refuses(tmp_path):
    cfg = tiny_config(MINKUNET, tmp_path)
    with pytest.raises(CheckpointError, match=r'iter_7.pth is not a checkpoint of this network: \d+ weights do'):
        check_weights(cfg, str(write_checkpoint(tmp_path, CYLINDER)))
    with pytest.raises(CheckpointError, match='2 weights do not fit, such as decode_head.conv_seg.weight has another'):
        check_weights(cfg, str(write_checkpoint(tmp_path, **OTHER_CLASSES)))
    path = write_checkpoint(tmp_path)
    content = torch.load(path)
    del content['state_dict']['decode_head.conv_seg.bias']
    torch.save(content, path)
    with pytest.raises(CheckpointError, match='1 weights do not fit, such as decode_head.conv_seg.bias is missing'):
        check_weights(cfg, str(path))


def test_training_starts_from_other_classes_with_a_warning(tmp_path):
    warning = start(tmp_path, SPARSE, load_from=str(write_checkpoint(tmp_path, **OTHER_CLASSES)))
    assert '; 2 do not fit and start with random values or are left out, such as decode_head.conv_seg' in warning
    with pytest.raises(CheckpointError, match='is of another network: nothing outside the head fits'):
        start(tmp_path, load_from=str(write_checkpoint(tmp_path, CYLINDER)))


def test_training_without_a_checkpoint(tmp_path):
    assert start(tmp_path) is None and start(tmp_path, resume=True) is None
    with pytest.raises(CheckpointError, match='nowhere.pth does not exist'):
        start(tmp_path, load_from='nowhere.pth')


def test_going_on(tmp_path):
    path = write_checkpoint(tmp_path)
    assert start(tmp_path, resume=True, load_from=str(path)) is None
    with pytest.raises(CheckpointError, match='Training cannot go on from .*iter_7.pth: it is of another network'):
        start(tmp_path, SPARSE, resume=True, load_from=str(path))
    content = torch.load(path)
    torch.save(dict(meta=content['meta'], state_dict=content['state_dict']), tmp_path / 'slim.pth')
    with pytest.raises(CheckpointError, match='holds weights alone, no state .* --cfg-options load_from=.*slim.pth'):
        start(tmp_path, resume=True, load_from=str(tmp_path / 'slim.pth'))


def test_going_on_beyond_the_schedule(tmp_path):
    path = write_checkpoint(tmp_path)
    content = torch.load(path)
    content['param_schedulers'] = [dict(by_epoch=True, total_steps=36), dict(by_epoch=False, total_steps=2)]
    torch.save(content, path)
    assert start(tmp_path, resume=True, load_from=str(path)) is None
    with pytest.raises(CheckpointError, match='from .*iter_7.pth to 37 epochs: the schedule .* ends after 36. To'):
        start(tmp_path, resume=True, load_from=str(path), **{'train_cfg.max_epochs': 37})


def test_going_on_from_the_latest(tmp_path):
    (tmp_path / 'last_checkpoint').write_text(str(write_checkpoint(tmp_path)))
    assert start(tmp_path, resume=True) is None
    (tmp_path / 'iter_7.pth').write_bytes(b'')
    with pytest.raises(CheckpointError, match='iter_7.pth is empty'):
        start(tmp_path, resume=True)
