"""Checkpoints know what their training has seen, which changes nothing in it."""
import numpy as np
import pytest
import torch
from integration.test_training import runner_config
from mmengine.runner import Runner
from test_zoo.trained_checkpoints import MINKUNET, write_checkpoint

from erda.clouds.feature_ranges import META_KEY, from_plain
from erda.evaluation.checkpoint_test import build_test_set
from erda.evaluation.dataset_ranges import dataset_ranges, far_scans
from erda.hooks import add_training_hooks
from erda.inference.label_file import label_file
from erda.inference.segmentor import Segmentor
from erda.zoo.publication import Description, publish


def remissions(path):
    return np.fromfile(path, dtype=np.float32).reshape(-1, 4)[:, 3]


@pytest.fixture
def byte_scan(semantickitti):
    """The scan of the validation with intensities of 8 bits."""
    path = semantickitti / 'sequences/08/velodyne/000000.bin'
    points = np.fromfile(path, dtype=np.float32).reshape(-1, 4)
    points[:, 3] *= 255
    points.tofile(path)
    return path


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_stored_and_compared(semantickitti, byte_scan, tmp_path):
    runners = {}
    for name in ('with', 'without'):
        cfg = runner_config(semantickitti, tmp_path / name, **{'train_cfg.max_iters': 2, 'train_cfg.val_interval': 2})
        if name == 'with':
            add_training_hooks(cfg)
        runners[name] = Runner.from_cfg(cfg)
        runners[name].train()
    for key, value in runners['with'].model.state_dict().items():
        assert torch.equal(value, runners['without'].model.state_dict()[key]), key

    seen = np.concatenate([remissions(path) for path in semantickitti.glob('sequences/00/velodyne/*.bin')])
    checkpoint = tmp_path / 'with/iter_2.pth'
    stored = torch.load(checkpoint, weights_only=True)['meta'][META_KEY]
    assert stored == dict(intensity=dict(zip(('minimum', 'low', 'median', 'high', 'maximum'), np.percentile(
        seen, [0, 1, 50, 99, 100]).tolist())))

    sentence, = far_scans(build_test_set(cfg), from_plain(stored))
    assert sentence.startswith(f'{byte_scan}: intensity is ')
    segmentor, said = Segmentor(cfg, str(checkpoint)), []
    assert segmentor.trained_ranges == from_plain(stored)
    for source in (byte_scan, semantickitti / 'sequences/00/velodyne/000000.bin'):
        label_file(source, tmp_path / 'out' / source.parent.parent.name / source.name, segmentor, inform=said.append)
    assert said == [sentence], 'only of the one, with its file'
    assert Segmentor(cfg, str(tmp_path / 'without/iter_2.pth')).trained_ranges == segmentor.inputs.usual_ranges


def test_unreadable_scans_and_other_data_sets(semantickitti, tmp_path):
    runner = Runner.from_cfg(runner_config(semantickitti, tmp_path))
    dataset = Runner.build_dataloader(runner.cfg.train_dataloader).dataset
    (semantickitti / 'sequences/00/velodyne/000001.bin').unlink()
    assert list(dataset_ranges(dataset)) == ['intensity']
    assert dataset_ranges([1, 2]) == {}


def test_published_with_the_weights(tmp_path):
    path, ranges = write_checkpoint(tmp_path), dict(intensity=dict(minimum=0.0))
    content = torch.load(path)
    content['meta'][META_KEY] = ranges
    torch.save(content, path)
    slim = publish(str(path), Description('a', MINKUNET, 'streets'), tmp_path / 'out').files[0]
    assert torch.load(slim, weights_only=True)['meta'][META_KEY] == ranges
