"""What is given away: enough to load and to tell where it is from, and nothing else."""
import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors
import torch
from integration.tiny_configs import tiny_config
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from test_zoo.trained_checkpoints import CLASSES, MINKUNET, network, write_checkpoint, write_metrics

from erda.zoo.checkpoint_file import META
from erda.zoo.checkpoint_fit import load_weights
from erda.zoo.errors import CheckpointError
from erda.zoo.publication import Description, publish

DESCRIPTION = Description('minkunet.depth', MINKUNET, 'streets')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp('run'))


def test_names_and_entry(trained, tmp_path):
    metrics = write_metrics(tmp_path / 'metrics.json', trained, car=0.5, miou=0.41236, acc=None)
    published = publish(str(trained), DESCRIPTION._replace(metrics=metrics), tmp_path / 'out', 'https://example.org/')
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in published.files]
    names = [f'minkunet.depth-{digest[:8]}{suffix}' for digest, suffix in zip(digests, ('.pth', '.safetensors'))]
    assert [path.name for path in published.files] == names
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == sorted(names)
    assert published.entry == {
        'Name': 'minkunet.depth',
        'In Collection': 'ERDA',
        'Config': MINKUNET,
        'Metadata': {'Training Data': 'streets', 'Labels': 'RatioBudget(ratio=0.01)', 'Label Seed': 0},
        'Results': [{'Task': '3D Semantic Segmentation', 'Dataset': 'streets', 'Metrics': {'mIoU': 41.24}}],
        'Weights': [f'https://example.org/{name}' for name in names],
        'Files': {path.name: dict(SHA256=digest, Size=path.stat().st_size)
                  for path, digest in zip(published.files, digests)},
    }


def test_plain_torch_loads_it(trained, tmp_path):
    path = publish(str(trained), DESCRIPTION, tmp_path).files[0]
    code = (f'import torch; content = torch.load({str(path)!r}, weights_only=True); '
            'print(sorted(content), sorted(content["meta"]), len(content["state_dict"]))')
    done = subprocess.run([sys.executable, '-I', '-c', code], capture_output=True, text=True)
    weights = len(torch.load(trained)['state_dict'])
    meta = ['cfg', 'dataset_meta', 'epoch', 'iter', 'labels', 'seed']
    assert done.stdout.strip() == f"['meta', 'state_dict'] {meta} {weights}", done.stderr


def test_both_files_say_the_same(trained, tmp_path):
    slim, plain = publish(str(trained), DESCRIPTION, tmp_path).files
    meta = torch.load(slim)['meta']
    with safetensors.safe_open(plain, 'pt') as file:
        stored = json.loads(file.metadata()[META])
    assert stored.pop('versions') and stored == meta
    assert meta['labels'] == dict(budget=dict(type='RatioBudget', ratio=0.01), seed=0)
    assert meta['dataset_meta'] == dict(classes=CLASSES, palette=[[1, 2, 3], [4, 5, 6]])
    assert (meta['iter'], meta['seed']) == (7, 3)
    assert 'WeakLabelDataset' in meta['cfg'] and 'work_dir' not in meta['cfg'] and '20260101' not in json.dumps(meta)


def test_the_weights_arrive_in_the_network(trained, tmp_path):
    """Versions of modules included, by which spconv's and mmcv's layouts are told apart."""
    expected = torch.load(trained)['state_dict']
    for path in publish(str(trained), DESCRIPTION, tmp_path).files:
        model = network(tiny_config(MINKUNET, tmp_path))
        load_weights(model, str(path))
        assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


def test_the_same_bytes_again(trained, tmp_path):
    first = publish(str(trained), DESCRIPTION, tmp_path / 'first')
    shutil.copy(trained, tmp_path / 'copy.pth')
    second = publish(str(tmp_path / 'copy.pth'), DESCRIPTION, tmp_path / 'second')
    for one, two in zip(first.files, second.files):
        assert one.name == two.name and one.read_bytes() == two.read_bytes()
    again = publish(str(first.files[0]), DESCRIPTION, tmp_path / 'third')  # and nothing more can be stripped
    assert [path.name for path in again.files] == [path.name for path in first.files]


@pytest.mark.skipif(torch.__version__ < '2.6', reason='older torch does not read what mmengine stores by itself')
def test_classes_of_mmengine_and_numpy_stay_behind(trained, tmp_path):
    content = torch.load(trained)
    content['meta']['dataset_meta'] = ConfigDict(content['meta']['dataset_meta'], label_mapping=np.arange(3))
    content['message_hub'] = dict(log_scalars=dict(loss=HistoryBuffer([1.0], [1])))
    torch.save(content, tmp_path / 'stock.pth')
    ours, stock = (publish(str(path), DESCRIPTION, tmp_path / 'out') for path in (trained, tmp_path / 'stock.pth'))
    assert ours == stock


@pytest.mark.parametrize('name', ['a/b', '../a', 'a.pth', 'a.safetensors', '', 'A', 'a--b', 'a b'])
def test_names_that_do_not_do(trained, tmp_path, name):
    with pytest.raises(CheckpointError, match='is no name for a model'):
        publish(str(trained), DESCRIPTION._replace(name=name), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_published(trained, tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(1))), tmp_path / 'bare.pth')
    with pytest.raises(CheckpointError, match='does not say how it was trained'):
        publish(str(tmp_path / 'bare.pth'), DESCRIPTION, tmp_path)
    metrics = write_metrics(tmp_path / 'metrics.json', tmp_path / 'other.pth', miou=0.4)
    with pytest.raises(CheckpointError, match='metrics.json has the results of .*other.pth, not of'):
        publish(str(trained), DESCRIPTION._replace(metrics=metrics), tmp_path)
    metrics.write_text('{}')
    with pytest.raises(CheckpointError, match='is not a file that tools/test.py --out has written'):
        publish(str(trained), DESCRIPTION._replace(metrics=metrics), tmp_path)
