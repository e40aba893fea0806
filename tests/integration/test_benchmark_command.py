"""A matrix of trainings and tests by tools/train.py and tools/test.py, with tables and pictures."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml
from integration.command import run
from integration.tiny_configs import SPARSE_CONV
from tiny_scans import REPOSITORY, write_scan


@pytest.fixture
def command(tmp_path):
    """A spec of three short cells on tiny scans, and the command for it."""
    root = tmp_path / 'data'
    for sequence in ('00', '08'):
        for frame in range(2):
            write_scan(root, sequence, frame)
    assert run('tools/prepare_data.py', 'semantickitti', root).returncode == 0
    data = {f'{key}.data_root': str(root) for key in (
        'train_dataloader.dataset.dataset', 'val_dataloader.dataset', 'test_dataloader.dataset')}
    quality = [dict(type='RandomStateHook'), dict(type='PseudoLabelQualityHook', interval=2, num_scans=1)]
    spec = dict(
        title='Tiny scans', seeds=[0],
        options={**SPARSE_CONV, **data, 'train_cfg.max_iters': 6, 'train_cfg.val_interval': 100,
                 'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
                 'default_hooks.checkpoint.interval': 2, 'default_hooks.logger.interval': 2},
        budgets={'1%': {'train_dataloader.dataset.budget.ratio': 0.01}},
        methods={'sparse-only': dict(config='configs/minkunet/minkunet_sparse_1pct_mini.py'),
                 'ERDA': dict(config='projects/ERDA/configs/minkunet_erda_1pct_mini.py',
                              options={'custom_hooks': quality}),
                 'full': dict(config='configs/minkunet/minkunet_full_mini.py', budgets=[])},
        baseline='sparse-only', classes=['car', 'road'], picture=True)
    path = tmp_path / 'tiny.yaml'
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return ['tools/benchmark.py', path, '--work-dir', tmp_path / 'work', '--at-once', '2']


def lines(tmp_path):
    path = tmp_path / 'work/results.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def test_run_kill_resume_repeat(command, tmp_path):
    dry = run(*command, '--dry-run')
    assert dry.returncode == 0 and dry.stdout.count('6 iterations, to run\n') == 3 and not (tmp_path / 'work').exists()

    child = subprocess.Popen([sys.executable, *map(str, command)], cwd=REPOSITORY, start_new_session=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env=dict(os.environ, OMP_NUM_THREADS='1'))
    while child.poll() is None and not list((tmp_path / 'work').glob('*/*/seed_0/iter_*.pth')):
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)  # with its children
    child.wait()
    before = len(lines(tmp_path))
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'{3 - before} of 3 cells to run' in done.stdout
    assert re.search(r'\nall: 0 of \d.*; .*, seed 0: (starting|train)', done.stdout), 'lines while it runs'
    assert sorted(line['method'] for line in lines(tmp_path)) == ['ERDA', 'full', 'sparse-only'], 'each cell once'

    work = tmp_path / 'work'
    table = (work / 'table.md').read_text()
    clouds, accuracy, scenes, _ = table.split('\n\n', 3)
    titles = ['your clouds: mIoU', 'your clouds: accuracy', 'new scenes: mIoU']
    assert [rows.split(' | ')[0] for rows in (clouds, accuracy, scenes)] == [f'| {title}' for title in titles]
    for rows, methods in ((clouds, ['sparse-only', 'ERDA']), (scenes, ['sparse-only', 'ERDA', 'full'])):
        assert [row.split(' | ')[0] for row in rows.splitlines()[2:]] == [f'| {method}' for method in methods]
    assert 'mIoU of 2 classes in percent, seed 0; in brackets the difference to sparse-only.' in table
    assert re.search(r'\n- full: labels in a scan: 13\d\d of 1500 raw points, \d+ of \d+ 50 cm voxels\n', table)
    assert 'python tools/benchmark.py tiny.yaml\n' in table
    classes = (work / 'classes.md').read_text()
    assert '**new scenes: IoU in percent, 1%**\n\n|  | sparse-only | ERDA | full |' in classes
    assert '**your clouds: IoU in percent, 1%**\n\n|  | sparse-only | ERDA |\n' in classes
    assert '| budget | 1% | 1% | 100% |' in classes
    assert 'mIoU of 2' in classes
    for name in ('miou_by_budget', 'training_curves', 'pseudo_labels', 'comparison'):
        assert (work / f'{name}.png').read_bytes()[:4] == b'\x89PNG'
    for line in lines(tmp_path):
        assert line['git_revision'] and line['versions']['torch'] and 0 <= line['metrics']['miou'] <= 1
        assert line['iterations'] == 6 and line['train_seconds'] > 0 and line['test_seconds'] > 0
        raw, voxels = line['labels']
        assert raw['size'] == 1500 and 0 < voxels['per_scan'] <= voxels['size'] < 1500
        hidden = sum(map(sum, line['your_clouds']))  # of 3000 points, about a tenth of them void
        assert hidden == 0 if line['method'] == 'full' else 2600 < hidden < 2800, line['method']
        assert line['options']['randomness.seed'] == 0 and line['config'].endswith('_mini.py')

    readme = tmp_path / 'README.md'
    readme.write_text('<!-- benchmark: tiny -->\n<!-- /benchmark -->\n')
    again = run(*command, '--markdown', readme)
    assert again.returncode == 0 and 'to run' not in again.stdout and len(lines(tmp_path)) == 3
    assert table in readme.read_text() and (work / 'table.md').read_text() == table
    assert run(*command, '--dry-run').stdout.count('finished') == 3

    other = run(*command[:3], tmp_path / 'other')
    assert other.returncode == 0 and 'to run' not in other.stdout, 'the same configs beside it are not trained again'
    assert '3 of 3 cells are finished with the same config beside' in other.stdout
    assert (tmp_path / 'other/table.md').read_text() == table


def test_a_cell_that_fails(command, tmp_path):
    """The others go on, a table of them is made, and the end of its log is shown."""
    spec = yaml.safe_load(command[1].read_text())
    spec['methods']['ERDA']['options'] = {'model.decode_head.loss_erda.loss_weight': -1}
    command[1].write_text(yaml.safe_dump(spec, sort_keys=False))
    done = run(*command, '--methods', 'ERDA', 'sparse-only')
    assert done.returncode == 1 and 'ERDA, 1%, seed 0 failed' in done.stderr and 'must not be negative' in done.stderr
    assert '1 of 2 cells failed.' in done.stderr and [line['method'] for line in lines(tmp_path)] == ['sparse-only']
    assert '| sparse-only | ' in (tmp_path / 'work/table.md').read_text()
    only = run(*command, '--table-only')
    assert only.returncode == 0 and '| ERDA ' not in (tmp_path / 'work/table.md').read_text()


DEMO = 'projects/ERDA/benchmarks/demo.yaml'


@pytest.mark.parametrize('arguments, message', [
    (['nowhere.yaml'], 'Cannot read the spec nowhere.yaml'),
    ([DEMO, '--methods', 'theirs'], "has no method 'theirs'; it has sparse-only, "
                                    'sparse-only, with the propagated labels, ERDA+, full'),
    ([DEMO, '--at-once', '0'], 'invalid positive value'),
    ([DEMO, '--markdown', 'LICENSE'], 'LICENSE has no line <!-- benchmark: demo -->'),
    ([DEMO, '--work-dir', 'nowhere', '--table-only'], 'No cell is finished in nowhere'),
])
def test_bad_arguments(arguments, message):
    done = run('tools/benchmark.py', *arguments)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr


def test_missing_data_and_unknown_classes(tmp_path):
    spec = yaml.safe_load((REPOSITORY / DEMO).read_text())
    spec['options'] = {'train_dataloader.dataset.dataset.data_root': str(tmp_path / 'nowhere')}
    path = tmp_path / 'x.yaml'
    for changes, message in (({}, 'This spec expects that of:  python tools/prepare_data.py synthetic-lidar'),
                             (dict(classes=['dog']), "classes: 'dog' is none of car, bicycle")):
        path.write_text(yaml.safe_dump({**spec, **changes}, sort_keys=False))
        done = run('tools/benchmark.py', path, '--work-dir', tmp_path / 'work')
        assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr
    assert not (tmp_path / 'work').exists()
