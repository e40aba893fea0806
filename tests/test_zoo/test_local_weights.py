import hashlib

import pytest
import torch
import yaml
from mmengine.runner.checkpoint import CheckpointLoader
from test_zoo.unreliable_server import UnreliableServer

from erda.zoo.errors import CheckpointError
from erda.zoo.local_weights import fetch_named


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Writes a metafile with one model, whose first file is at ``source`` and has this content."""

    def write(source, content):
        name = source.rsplit('/', 1)[-1]
        record = dict(SHA256=hashlib.sha256(content).hexdigest(), Size=len(content))
        model = dict(Name='model', Config='a.py', Weights=[source], Files={name: record})
        (tmp_path / 'metafile.yml').write_text(yaml.safe_dump(dict(Models=[model])))

    monkeypatch.setattr('erda.zoo.metafile.METAFILE', tmp_path / 'metafile.yml')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    return write


def test_weights_in_the_repository_need_no_download(tmp_path, publish):
    path = tmp_path / 'weights/model-12345678.pth'
    path.parent.mkdir()
    torch.save(dict(weight=torch.ones(2)), path)
    publish('weights/model-12345678.pth', path.read_bytes())
    assert fetch_named('erda://model') == path
    loaded = CheckpointLoader.load_checkpoint('erda://model', map_location='cpu', logger='silent')
    assert torch.equal(loaded['state_dict']['weight'], torch.ones(2))
    path.write_bytes(path.read_bytes() + b'x')
    with pytest.raises(CheckpointError, match='model-12345678.pth is not the published file: its sha256 is'):
        CheckpointLoader.load_checkpoint('erda://model', map_location='cpu', logger='silent')
    path.unlink()
    with pytest.raises(CheckpointError, match='does not exist'):
        fetch_named('erda://model')


def test_others_come_into_the_folder_of_torch_once(tmp_path, publish):
    with UnreliableServer(b'weights') as server:
        publish(server.url('model-12345678.pth'), b'weights')
        for _ in range(2):
            path = fetch_named('erda://model')
        assert path == tmp_path / 'hub/checkpoints/model-12345678.pth' and path.read_bytes() == b'weights'
        assert server.starts == [0]
        path.write_bytes(b'damaged')
        assert fetch_named('erda://model').read_bytes() == b'weights' and server.starts == [0, 0]


def test_an_unknown_name(publish):
    publish('a.pth', b'a')
    with pytest.raises(CheckpointError, match='has no model other; it has model'):
        fetch_named('erda://other')
