"""The command as a user calls it; tests/test_weak_labels/test_stored_masks.py has what it writes."""
import runpy
import sys

import pytest
from tiny_scans import REPOSITORY

MINI = 'projects/ERDA/configs/minkunet_erda_1pct_mini.py'


@pytest.fixture
def run(semantickitti, monkeypatch, capsys):
    """Runs the command in this process, which spares its start; what it printed, and its exit status."""

    def run(*arguments, data=semantickitti):
        options = ['--cfg-options', f'train_dataloader.dataset.dataset.data_root={data}']
        monkeypatch.setattr(sys, 'argv', ['make_weak_labels.py', MINI, *map(str, arguments), *options])
        status = 0
        try:
            runpy.run_path('tools/make_weak_labels.py', run_name='__main__')
        except SystemExit as stop:
            status = stop.code
        return capsys.readouterr(), status

    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv('COLUMNS', '150')
    return run


def test_write_verify_count(run, tmp_path):
    folder = tmp_path / 'masks'
    for _ in range(2):  # the second call finds nothing to do
        (out, _), status = run('-o', folder)
        assert status == 0 and '1%, seed 0: ' in out and 'of 4500 points are labelled' in out
        assert sorted(path.name for path in folder.iterdir()) == ['manifest.json', 'masks.bin']
    (out, _), status = run('-o', folder, '--verify')
    assert status == 0 and 'the masks of 3 scans are those of 1%, seed 0' in out
    (out, _), status = run('-o', folder, '--stats')
    assert status == 0 and 'raw points' in out and '50 cm voxels' in out and ' sidewalk ' in out
    assert (folder / 'label_statistics.png').read_bytes()[:4] == b'\x89PNG'
    (folder / 'masks.bin').write_bytes(b'')
    (_, err), status = run('-o', folder, '--verify')
    assert status == 2 and 'sha256 differs' in err


def test_bad_arguments(run, tmp_path):
    (_, err), status = run('-o', tmp_path / 'masks', data=tmp_path / 'nowhere')
    assert status == 2 and 'does not exist' in err and not (tmp_path / 'masks').exists()
    (_, err), status = run()
    assert status == 2 and 'name a folder with -o DIR' in err
