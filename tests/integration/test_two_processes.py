"""Two processes on CPUs train and test as one does on the joint batch, without find_unused_parameters.

What cannot be equal is left out: batch statistics (norm layers are in eval mode) and random augmentations and orders.
"""
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_scans import REPOSITORY, write_scan

from erda.datasets.semantickitti import prepare_semantickitti
from erda.evaluation.checkpoint_test import build_test_set, config_for_test, run_test

STEPS = 3
GLOO = 'No GPU was found: 2 processes work on CPUs and talk through gloo.'


def two_processes(*command, **environment):
    """Output of a command under torchrun or that starts torchrun, which must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    packages = os.pathsep.join(filter(None, [os.environ.get('PYTHONPATH'), str(REPOSITORY / 'tests')]))
    environment = dict(os.environ, OMP_NUM_THREADS='1', PATH=path, PYTHONPATH=packages, **environment)
    done = subprocess.run([*map(str, command)], cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """Scans of different sizes, so with different numbers of labels; three for validation, an odd number."""
    folder = tmp_path_factory.mktemp('two_processes')
    for sequence, frame, points in (('00', 0, 300), ('00', 1, 3000), ('00', 2, 600), ('00', 3, 1500),
                                    ('08', 0, 400), ('08', 1, 900), ('08', 2, 1300)):
        write_scan(folder / 'scans', sequence, frame, points)
    prepare_semantickitti(folder / 'scans')
    cfg = tiny_config('projects/ERDA/configs/minkunet_erda_1pct_mini.py', folder / 'scans', **{
        'train_cfg.max_iters': STEPS, 'train_cfg.val_interval': STEPS, 'default_hooks.logger.interval': 1,
        'train_dataloader.sampler.shuffle': False, 'model.decode_head.dropout_ratio': 0,
        'model.decode_head.labelled_weight': 0.5, 'param_scheduler': [],
        'custom_imports.imports': ['erda', 'integration.norms_in_eval_mode'],
        'custom_hooks': [dict(type='NormsInEvalMode')]})
    # Differences of rounding stay so in plain gradient descent; Adam makes steps of full length of them.
    cfg.optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    pipeline = cfg.train_dataloader.dataset.dataset.pipeline
    cfg.train_dataloader.dataset.dataset.pipeline = [
        transform for transform in pipeline if not transform['type'].startswith(('Random', 'GlobalRot'))]
    cfg.dump(folder / 'tiny.py')
    return Config.fromfile(folder / 'tiny.py')


@pytest.fixture(scope='module')
def trained(config, tmp_path_factory):
    """Work folder of the two processes, their output, and the runner of one."""
    folder = tmp_path_factory.mktemp('work')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    output = two_processes('bash', 'tools/dist_train.sh', config.filename, 2, '--work-dir', folder / 'two',
                           '--cfg-options', 'train_dataloader.batch_size=1', PORT=str(port))
    config.work_dir = str(folder / 'one')
    runner = Runner.from_cfg(config)
    runner.train()
    return folder / 'two', output, runner


def test_training(trained):
    folder, output, runner = trained
    assert GLOO in output
    weights = torch.load(folder / f'iter_{STEPS}.pth', weights_only=True)['state_dict']
    joint = runner.model.state_dict()
    assert weights.keys() == joint.keys()
    for name, value in joint.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_validation(config, trained):
    folder, _, _ = trained
    checkpoint = folder / f'iter_{STEPS}.pth'
    output = two_processes(sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', 2,
                           'tools/test.py', config.filename, checkpoint, '--launcher', 'pytorch',
                           '--out', folder / 'out', '--work-dir', folder / 'test')
    assert GLOO in output
    confusion = json.loads((folder / 'out/metrics.json').read_text())['confusion']
    alone = run_test(config_for_test(config, build_test_set(config), False), str(checkpoint))
    np.testing.assert_array_equal(confusion, alone)
    assert np.sum(confusion) > 0
