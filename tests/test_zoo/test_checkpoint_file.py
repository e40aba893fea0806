"""Every kind of file that is not a checkpoint is refused in one sentence, and none of them runs code."""
import os
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from mmengine.runner.checkpoint import CheckpointLoader

from erda.zoo.checkpoint_file import META, read_checkpoint
from erda.zoo.errors import CheckpointError

WEIGHTS = dict(weight=torch.arange(6.).reshape(2, 3), count=torch.tensor(3))


class MakesAFolder:
    """Unpickled, it makes a folder of this name."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def write(path, kind):
    """A file of each kind that can come in place of a checkpoint."""
    if kind == 'malicious':
        torch.save(dict(state_dict=WEIGHTS, meta=MakesAFolder(path.parent / 'ran')), path)
    elif kind == 'malicious, old format':
        torch.save(MakesAFolder(path.parent / 'ran'), path, _use_new_zipfile_serialization=False)
    elif kind == 'cut off':
        torch.save(dict(state_dict=WEIGHTS), path)
        path.write_bytes(path.read_bytes()[:-300])
    elif kind == 'cut off, old format':
        torch.save(dict(state_dict=WEIGHTS), path, _use_new_zipfile_serialization=False)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == 'no weights':
        torch.save(dict(state_dict={}, meta={}), path)
    elif kind == 'a list':
        torch.save([1, 2], path)
    else:
        path.write_bytes({'empty': b'', 'text': b'model = dict(type="MinkUNet")\n',
                          'page': b'\n<!DOCTYPE html><html>404</html>'}[kind])
    return path


REFUSED = {
    'malicious': 'asks for more than weights and plain values, which could run any code .*mkdir',
    'malicious, old format': 'asks for more than weights and plain values, which could run any code .*mkdir',
    'cut off': 'is damaged or cut off',
    'cut off, old format': 'is damaged or cut off',
    'empty': 'is empty',
    'text': 'is not a checkpoint: torch.save did not write it',
    'page': 'is a web page, not a checkpoint',
    'no weights': 'holds no weights',
    'a list': 'holds no weights',
}


@pytest.mark.parametrize('kind', REFUSED)
def test_other_files_are_refused(tmp_path, kind):
    path = write(tmp_path / 'a.pth', kind)
    with pytest.raises(CheckpointError, match=REFUSED[kind]) as error:
        read_checkpoint(str(path))
    assert str(error.value).startswith(str(path)) and '\n' not in str(error.value)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('content, message', [
    (b'', 'is empty'), (b'<html>', 'is a web page'), (b'text', 'is damaged or cut off'),
    (safetensors.torch.save(WEIGHTS)[:-5], 'is damaged or cut off'),
    (safetensors.torch.save(WEIGHTS, {META: '{'}), 'is damaged or cut off'),
    (safetensors.torch.save(WEIGHTS, {META: '[]'}), 'is damaged or cut off'),
])
def test_other_files_named_safetensors_are_refused(tmp_path, content, message):
    (tmp_path / 'a.safetensors').write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(str(tmp_path / 'a.safetensors'))


def test_what_is_not_a_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match='a.pth does not exist'):
        read_checkpoint(str(tmp_path / 'a.pth'))
    with pytest.raises(CheckpointError, match='is a folder'):
        read_checkpoint(str(tmp_path))
    with pytest.raises(CheckpointError, match='http://127.0.0.1:9/a.pth cannot be loaded: .*refused'):
        read_checkpoint('http://127.0.0.1:9/a.pth')


def test_bare_weights_and_their_versions(tmp_path):
    state = OrderedDict(WEIGHTS)
    state._metadata = OrderedDict({'': dict(version=2)})
    torch.save(state, tmp_path / 'bare.pth')
    read = read_checkpoint(str(tmp_path / 'bare.pth'))
    assert read.keys() == {'state_dict'} and read['state_dict']._metadata == {'': dict(version=2)}
    assert all(torch.equal(read['state_dict'][key], value) for key, value in WEIGHTS.items())


def test_mmengine_loads_safetensors(tmp_path):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(safetensors.torch.save(WEIGHTS, {META: '{"iter": 3, "versions": {"conv": 2}}'}))
    loaded = CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger='silent')
    assert loaded['meta'] == dict(iter=3) and loaded['state_dict']._metadata == dict(conv=dict(version=2))
    assert all(torch.equal(loaded['state_dict'][key], value) for key, value in WEIGHTS.items())
    path.write_bytes(safetensors.torch.save(WEIGHTS))  # as others write it
    assert read_checkpoint(str(path))['state_dict'].keys() == WEIGHTS.keys()
