"""The commands as a user calls them."""
import pytest
from integration.command import run

ERDA = 'projects/ERDA/configs/minkunet_erda_1pct.py'


@pytest.mark.parametrize('command', [['tools/train.py', ERDA], ['tools/test.py', ERDA, ERDA]])
def test_missing_data(command, tmp_path):
    key = 'train_dataloader.dataset.dataset.data_root' if 'train' in command[0] else 'test_dataloader.dataset.data_root'
    done = run(*command, '--work-dir', tmp_path / 'work', '--cfg-options', f'{key}={tmp_path}/nowhere')
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    message = [line for line in done.stderr.splitlines() if 'Warning' not in line and '@_TORCH' not in line]
    assert len(message) == 3 and 'does not exist' in message[0] and not (tmp_path / 'work').exists()


@pytest.mark.parametrize('arguments, message', [
    (['nowhere.py'], 'Cannot read the config nowhere.py'),
    ([ERDA, '--steps', '5'], 'counts epochs, 36 of them: give --epochs in the place of --steps'),
    ([ERDA, '--cfg-options', 'val_interval'], "'val_interval' is not KEY=VALUE"),
    ([ERDA, '--launcher', 'pytorch'], 'is for processes that torchrun starts'),
])
def test_bad_arguments(arguments, message):
    done = run('tools/train.py', *arguments)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr


def test_prepare_data(scans):
    done = run('tools/prepare_data.py', 'semantickitti', scans)
    assert done.returncode == 0 and '3 train, 1 val, 4 trainval, 0 test' in done.stdout
    done = run('tools/prepare_data.py', 'semantickitti', scans, '--within', '5')
    assert done.returncode == 0 and '3 train, 1 val' in done.stdout
    assert (scans.with_name(f'{scans.name}_within_5m') / 'semantickitti_infos_train.pkl').is_file()
    (scans / 'sequences/08/labels/000000.label').write_bytes(b'abc')
    done = run('tools/prepare_data.py', 'semantickitti', scans)
    assert done.returncode == 1 and '08/labels/000000.label: 3 bytes' in done.stderr and 'Traceback' not in done.stderr
