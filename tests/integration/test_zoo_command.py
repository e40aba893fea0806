"""tools/zoo.py as a user calls it, and what the other commands make of published and of broken checkpoints."""
import runpy
import sys

import pytest
import torch
from integration.tiny_configs import tiny_config
from mmengine.config import Config
from test_zoo.test_checkpoint_file import REFUSED, write
from test_zoo.test_conversion import PTV3, SONATA, config, write_sonata
from test_zoo.trained_checkpoints import CYLINDER, MINKUNET, write_checkpoint, write_metrics
from test_zoo.unreliable_server import UnreliableServer
from tiny_scans import REPOSITORY

MODEL = ['--name', 'model', '--config', MINKUNET, '--dataset', 'streets']


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a command in this process, which spares its start; its exit status and what it printed."""

    def run(command, *arguments):
        monkeypatch.setattr(sys, 'argv', [command, *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(f'tools/{command}', run_name='__main__')
        except SystemExit as stop:
            status = stop.code
        return (status, *capsys.readouterr())

    metafile = tmp_path / 'metafile.yml'
    metafile.write_text('Models: []\n')
    monkeypatch.setattr('erda.zoo.metafile.METAFILE', metafile)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setenv('COLUMNS', '200')
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.chdir(REPOSITORY)
    return run


def test_weights_in_the_repository(run, tmp_path):
    checkpoint = write_checkpoint(tmp_path)
    assert 'lists no models yet' in run('zoo.py', 'list')[1]
    metrics = write_metrics(tmp_path / 'metrics.json', checkpoint, miou=0.41)
    publish = ['zoo.py', 'publish', checkpoint, *MODEL, '--out', tmp_path / 'weights', '--metrics', metrics, '--write',
               '--attribution', 'the makers of streets, open licence 2.0']
    status, out, err = run(*publish)
    assert status == 0 and 'erda://model is in' in out, err
    assert run(*publish)[0] == 2
    status, out, _ = run('zoo.py', 'list')
    assert MINKUNET in out and 'streets: mIoU 41.0' in out and 'in the repository' in out
    assert 'data: the makers of streets, open licence 2.0' in out
    slim, plain = sorted((tmp_path / 'weights').iterdir(), key=lambda path: path.suffix)
    assert run('zoo.py', 'download', 'model')[1].strip() == str(slim)
    assert run('zoo.py', 'download', 'model', '--safetensors')[1].strip() == str(plain)
    status, out, _ = run('zoo.py', 'verify')
    assert status == 0 and out.count('as published') == 2
    plain.write_bytes(plain.read_bytes()[:-1])
    status, out, err = run('zoo.py', 'verify', 'model')
    assert status == 1 and f'{slim.name}: as published' in out and f'{plain} is not the published file' in err


def test_weights_on_a_server(run, tmp_path):
    checkpoint = write_checkpoint(tmp_path)
    status, out, _ = run('zoo.py', 'publish', checkpoint, *MODEL, '--out', tmp_path)
    slim, = tmp_path.glob('model-*.pth')
    assert status == 0 and f'    - {slim.name}\n' in out and '  - Name: model\n' in out
    with UnreliableServer(slim.read_bytes()) as server:
        run('zoo.py', 'publish', checkpoint, *MODEL, '--out', tmp_path, '--url', server.url('files/'), '--write')
        assert 'to be downloaded' in run('zoo.py', 'list')[1]
        assert run('zoo.py', 'verify')[1].count('not downloaded') == 2
        path = run('zoo.py', 'download', 'model')[1].strip()
        assert path == str(tmp_path / 'hub/checkpoints' / slim.name) and server.starts == [0]
    assert 'downloaded' in run('zoo.py', 'list')[1]
    status, out, _ = run('zoo.py', 'verify')
    assert status == 0 and 'as published' in out and 'not downloaded' in out


def test_weights_of_others(run, tmp_path):
    cfg, theirs = config(tmp_path, **SONATA), tmp_path / 'sonata.pth'
    write_sonata(theirs, cfg)
    cfg.dump(tmp_path / 'sonata.py')
    config(tmp_path).dump(tmp_path / 'other.py')
    status, out, err = run('zoo.py', 'convert', theirs, tmp_path / 'sonata.py', '-o', tmp_path / 'a.pth')
    assert status == 0 and 'weights of Sonata' in out and 'CC-BY-NC' in out and (tmp_path / 'a.pth').is_file(), err
    status, _, err = run('zoo.py', 'convert', theirs, tmp_path / 'other.py', '-o', tmp_path / 'b.pth')
    assert status == 2 and 'is not of the backbone in' in err and not (tmp_path / 'b.pth').exists()


def test_names_are_whole_at_80_columns(run, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    status, out, _ = run('zoo.py', '--metafile', 'projects/ERDA/metafile.yml', 'list')
    lines = out.splitlines()
    assert status == 0 and max(map(len, lines)) <= 80
    assert 'erda://pointnet2_ssg_erda_1pt_synthetic' in lines
    assert '  projects/ERDA/configs/pointnet2_ssg_erda_1pt_synthetic.py' in lines


@pytest.mark.parametrize('arguments, message', [
    (['download', 'other'], 'has no model other'),
    (['verify', 'other'], 'has no model other'),
    (['convert', 'nowhere.pth', PTV3, '-o', 'a.pth'], 'nowhere.pth does not exist'),
    (['convert', 'nowhere.pth', 'nowhere.py', '-o', 'a.pth'], 'nowhere.py'),
    (['publish', 'nowhere.pth', *MODEL], 'nowhere.pth does not exist'),
    (['publish', 'nowhere.pth', *MODEL[:2], '--config', 'nowhere.py', *MODEL[4:]], 'nowhere.py does not exist'),
    (['publish', 'nowhere.pth', *MODEL, '--write'], 'is not below'),
    (['--metafile', 'nowhere.yml', 'list'], 'nowhere.yml cannot be read'),
])
def test_bad_arguments(run, arguments, message):
    status, _, err = run('zoo.py', *arguments)
    assert status == 2 and message in err


@pytest.fixture(scope='module')
def tiny(roots, tmp_path_factory):
    """A config of one epoch on tiny scans."""
    path = tmp_path_factory.mktemp('config') / 'tiny.py'
    tiny_config(MINKUNET, roots['SemanticKittiDataset'], **{'train_cfg.max_epochs': 1}).dump(path)
    return path


def commands(config, checkpoint, folder):
    """Each place that takes a checkpoint."""
    scan = Config.fromfile(config).val_dataloader.dataset.data_root + '/sequences/08/velodyne/000000.bin'
    options = ['--work-dir', folder / 'work']
    return {
        'test': ['test.py', config, checkpoint, '--out', folder / 'out', *options],
        'infer': ['infer.py', config, checkpoint, scan, '-o', folder / 'out'],
        'train': ['train.py', config, *options, '--cfg-options', f'load_from={checkpoint}'],
        'resume': ['train.py', config, *options, '--resume', checkpoint],
    }


@pytest.mark.parametrize('place', ['test', 'infer', 'train', 'resume'])
@pytest.mark.parametrize('kind', [*REFUSED, 'another network', 'not published'])
def test_no_command_takes_a_broken_checkpoint(run, tiny, tmp_path, kind, place):
    if kind == 'another network':
        checkpoint = write_checkpoint(tmp_path, CYLINDER)
    else:
        checkpoint = 'erda://other' if kind == 'not published' else write(tmp_path / 'a.pth', kind)
    status, _, err = run(*commands(tiny, checkpoint, tmp_path)[place])
    message = [line for line in err.splitlines() if line]
    assert status == 2 and len(message) == 1 and 'Traceback' not in err, err
    assert not (tmp_path / 'ran').exists() and not (tmp_path / 'out').exists() and not (tmp_path / 'work').exists()


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors', 'erda'])
def test_published_weights_are_taken_everywhere(run, tiny, tmp_path, suffix):
    checkpoint = write_checkpoint(tmp_path)
    run('zoo.py', 'publish', checkpoint, *MODEL, '--out', tmp_path / 'weights', '--write')
    weights = 'erda://model' if suffix == 'erda' else next((tmp_path / 'weights').glob(f'*{suffix}'))
    places = commands(tiny, weights, tmp_path)
    status, _, err = run(*places['test'], '--cfg-options', f'experiment_name={suffix}', f'visualizer.name={suffix}')
    assert status == 0 and (tmp_path / 'out/metrics.json').is_file(), err
    status, _, err = run(*places['infer'])
    assert status == 0 and (tmp_path / 'out/000000.label').is_file(), err
    status, _, err = run(*places['resume'])
    assert status == 2 and 'holds weights alone' in err
    status, _, err = run(*places['train'], f'experiment_name=train{suffix}', f'visualizer.name=train{suffix}')
    assert status == 0 and (tmp_path / 'work/epoch_1.pth').is_file(), err


def test_fine_tuning_for_other_classes_is_warned_of(run, tiny, tmp_path):
    checkpoint = write_checkpoint(tmp_path, **{'model.decode_head.num_classes': 5})
    status, _, err = run(*commands(tiny, checkpoint, tmp_path)['train'], 'experiment_name=fine', 'visualizer.name=fine')
    assert status == 0 and 'do not fit and start with random values or are left out' in err, err
    status, _, err = run(*commands(tiny, checkpoint, tmp_path)['test'])
    assert status == 2 and 'is not a checkpoint of this network' in err
