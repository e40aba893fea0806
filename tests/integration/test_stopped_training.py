"""What ends a training, or does not: bad losses, lost scans, a full disk. tools/train.py in this process."""
import resource
import runpy
import sys
from pathlib import Path

import numpy as np
import torch
from integration.test_second_view import PLUS, PROTOTYPES
from integration.test_training import runner_config
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from tiny_scans import REPOSITORY

STEPS = 10


@HOOKS.register_module()
class DamageHook(Hook):
    """Deletes a file behind the first step, while two workers read ahead."""

    def __init__(self, path):
        self.path = path

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        Path(self.path).unlink(missing_ok=True)


def scan(root, frame=1):
    return root / f'sequences/00/velodyne/{frame:06d}.bin'


def train(root, folder, monkeypatch, hooks=(), workers=2, **changes):
    """Exit status of ``tools/train.py``, ``None`` for a run to the end."""
    cfg = runner_config(root, folder / 'work', PLUS, **PROTOTYPES, **{
        'train_dataloader.num_workers': workers, 'train_cfg.max_iters': STEPS, 'train_cfg.val_interval': STEPS,
        'default_hooks.checkpoint.interval': 1, 'default_hooks.checkpoint.max_keep_ckpts': 1, **changes})
    cfg.custom_hooks = [*cfg.custom_hooks, *hooks]
    monkeypatch.setattr('erda.command_line.load_config', lambda *args: cfg)
    monkeypatch.setattr(sys, 'argv', ['train.py', 'config.py'])
    try:
        runpy.run_path(str(REPOSITORY / 'tools/train.py'), run_name='__main__')
    except SystemExit as stopped:
        return stopped.code
    return None


def test_ten_lines_say_what_is_trained(semantickitti, tmp_path, monkeypatch, capfd):
    changes = {'train_cfg.max_iters': 1, 'train_cfg.val_interval': 1, 'param_scheduler.0.total_steps': 1}
    assert train(semantickitti, tmp_path, monkeypatch, workers=0, **changes) is None
    shown = capfd.readouterr().out
    lines = shown.partition('INFO - Training\n')[2].splitlines()[:10]
    assert [line.split()[0] for line in lines] == [
        'config', 'data', 'labels', 'network', 'loss', 'steps', 'optimizer', 'seed', 'device', 'folder']
    assert f'SemanticKittiDataset in {semantickitti}: 3 scans or blocks, 1 for the validation' in lines[1]
    assert lines[2].endswith('1%, label seed 0') and ' 1 of 2 scans, a validation every 1' in lines[5]
    assert 'Config:' not in shown and 'Config:\n' in log(tmp_path) and 'miou is the mean over' in log(tmp_path)


def test_longer_than_the_schedule(semantickitti, tmp_path, monkeypatch, capfd):
    assert train(semantickitti, tmp_path, monkeypatch, **{'param_scheduler.0.total_steps': STEPS - 1}) == 2
    message, = capfd.readouterr().err.strip().splitlines()
    assert message.startswith('The schedule of the learning rate is 9 steps long') and not (tmp_path / 'work').exists()


def spoil(path):
    """Remissions that are not numbers."""
    points = np.fromfile(path, dtype=np.float32).reshape(-1, 4)
    points[::2, 3] = np.nan
    points.tofile(path)


def last_checkpoint(folder):
    return torch.load((folder / 'work/last_checkpoint').read_text())


def log(folder):
    return next((folder / 'work').glob('*/*.log')).read_text()


def test_nan_stops(semantickitti, tmp_path, monkeypatch, capfd):
    spoil(scan(semantickitti))
    assert train(semantickitti, tmp_path, monkeypatch, workers=0) == 2
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert 'the loss is not finite (loss nan' in message and str(scan(semantickitti)) in message


def test_nan_is_skipped(semantickitti, tmp_path, monkeypatch):
    """Prototypes, average, optimizer and BatchNorm's statistics stay free of it."""
    spoil(scan(semantickitti))
    hooks = [dict(type='NonFiniteLossHook', action='skip', max_skips=STEPS)]
    assert train(semantickitti, tmp_path, monkeypatch, hooks, workers=0) is None
    stored = last_checkpoint(tmp_path)
    assert 1 <= stored['message_hub']['runtime_info']['skipped_steps'] < STEPS
    assert stored['meta']['iter'] == STEPS and stored['optimizer']['state']
    for state in (stored['state_dict'], stored['ema_state_dict'], *stored['optimizer']['state'].values()):
        assert all(torch.as_tensor(value).isfinite().all() for value in state.values())
    assert stored['state_dict']['decode_head.pseudo_labeler.prototypes'].any()


def test_lost_scan_stops(semantickitti, tmp_path, monkeypatch, capfd):
    hooks = [dict(type='DamageHook', path=str(scan(semantickitti)))]
    assert train(semantickitti, tmp_path, monkeypatch, hooks) == 2
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith(f'{scan(semantickitti)} cannot be read: [Errno 2] No such file'), 'without a traceback'
    step = last_checkpoint(tmp_path)['meta']['iter']
    assert 1 <= step < STEPS and message.endswith(f'--resume goes on from {tmp_path}/work/iter_{step}.pth.')


def test_lost_scan_is_replaced_and_counted(semantickitti, tmp_path, monkeypatch):
    hooks = [dict(type='DamageHook', path=str(scan(semantickitti)))]
    assert train(semantickitti, tmp_path, monkeypatch, hooks,
                 **{'train_dataloader.dataset.on_unreadable': 'skip'}) is None
    count = last_checkpoint(tmp_path)['message_hub']['runtime_info']['unreadable_scans'][str(scan(semantickitti))]
    assert count > 1 and f'1 scans could not be read, {count} times in all' in log(tmp_path)
    assert log(tmp_path).count('Another scan takes its place') == 1


def test_lost_scan_of_the_validation_stops(semantickitti, tmp_path, monkeypatch, capfd):
    lost = semantickitti / 'sequences/08/velodyne/000000.bin'
    lost.write_bytes(lost.read_bytes()[:1000])
    assert train(semantickitti, tmp_path, monkeypatch, workers=0) == 2
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith(f'{lost} cannot be read: ') and f'{lost} has 1,000 bytes' in message
    assert message.endswith(f'Restore it. --resume goes on from {tmp_path}/work/iter_{STEPS}.pth.')


def test_full_disk(semantickitti, tmp_path, monkeypatch, capfd):
    """The system itself refuses to write more than a file may have."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    @HOOKS.register_module(force=True)
    class FillHook(Hook):

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if runner.iter == 2:
                size = (tmp_path / 'work/iter_2.pth').stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))

    try:
        assert train(semantickitti, tmp_path, monkeypatch, [dict(type='FillHook')]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    message = capfd.readouterr().err.strip().splitlines()[-1]
    assert message.startswith(f'{tmp_path}/work/iter_3.pth cannot be written: File too large. It takes ')
    assert message.endswith(f'--resume goes on from {tmp_path}/work/iter_2.pth.')
    assert last_checkpoint(tmp_path)['meta']['iter'] == 2 and not list((tmp_path / 'work').glob('*.part'))
