"""tools/train.py, killed and called again with --resume, ends as if nothing had happened."""
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import torch
from integration.test_second_view import PLUS, PROTOTYPES
from integration.test_training import runner_config
from mmengine.runner import Runner
from tiny_scans import REPOSITORY

STEPS = 8


def killable_config(root, work_dir, path=None, **changes):
    """Two workers, an averaged model, and a checkpoint at each step, of which the last one is kept."""
    cfg = runner_config(root, work_dir, PLUS, **PROTOTYPES, **{
        'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True,
        'train_cfg.max_iters': STEPS, 'train_cfg.val_interval': STEPS, 'model.decode_head.dropout_ratio': 0.5,
        'default_hooks.checkpoint.interval': 1, 'default_hooks.checkpoint.max_keep_ckpts': 1, **changes})
    if path is not None:
        cfg.dump(path)
    return cfg


def start(config, *arguments, log=subprocess.DEVNULL, command=('tools/train.py', )):
    """``tools/train.py`` in a process group of its own."""
    return subprocess.Popen([sys.executable, *map(str, command), str(config), *arguments], cwd=REPOSITORY, stdout=log,
                            stderr=log, env=dict(os.environ, OMP_NUM_THREADS='1'), start_new_session=True)


def kill(process):
    """SIGKILL for the process and its workers; whether it was still running."""
    running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def wait_until(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < end, 'nothing happened'
        time.sleep(0.001)


def assert_same_run(expected, actual):
    """All that a run is, down to the last bit: weights, average, prototypes, optimizer, schedules, random numbers."""
    expected, actual = torch.load(expected), torch.load(actual)
    assert expected.keys() == actual.keys() and 'ema_state_dict' in expected
    assert any('prototypes' in key for key in expected['state_dict'])
    for key in expected.keys() - {'meta', 'message_hub'}:
        assert_same(expected[key], actual[key], key)
    losses = [run['message_hub']['log_scalars']['train/loss'] for run in (expected, actual)]
    assert_same(*losses, 'loss of each step')


def assert_same(expected, actual, name):
    if isinstance(expected, torch.Tensor):
        assert torch.equal(expected, actual), name
    elif isinstance(expected, dict):
        assert list(expected) == list(actual), name
        for key, value in expected.items():
            assert_same(value, actual[key], f'{name}.{key}')
    elif isinstance(expected, (list, tuple)):
        assert len(expected) == len(actual), name
        for i, pair in enumerate(zip(expected, actual)):
            assert_same(*pair, f'{name}[{i}]')
    else:
        np.testing.assert_equal(actual, expected, name)


def test_killed_and_resumed(semantickitti, tmp_path):
    Runner.from_cfg(killable_config(semantickitti, tmp_path / 'straight')).train()
    rng = random.Random(6)
    step, delay = rng.randint(2, STEPS - 3), rng.uniform(0, 0.1)
    work_dir, config = tmp_path / 'killed', tmp_path / 'killed.py'
    killable_config(semantickitti, work_dir, config)

    process = start(config)
    wait_until((work_dir / f'iter_{step}.pth').exists, process)
    time.sleep(delay)
    assert kill(process) and not (work_dir / f'iter_{STEPS}.pth').exists()
    with open(tmp_path / 'resumed.txt', 'w') as log:
        assert start(config, '--resume', log=log).wait() == 0, (tmp_path / 'resumed.txt').read_text()[-2000:]
    assert 'Advance dataloader' in (tmp_path / 'resumed.txt').read_text()
    assert_same_run(tmp_path / f'straight/iter_{STEPS}.pth', work_dir / f'iter_{STEPS}.pth')
    assert [path.name for path in work_dir.glob('iter_*')] == [f'iter_{STEPS}.pth'], 'nothing is left behind'
