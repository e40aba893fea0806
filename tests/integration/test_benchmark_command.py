"""A matrix of trainings and tests by tools/train.py and tools/test.py, tables and plots; killed, resumed, repeated."""
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml
from integration.command import run
from tiny_scans import REPOSITORY, write_scan


@pytest.fixture
def command(tmp_path):
    """A spec of six short cells on tiny scans, and the command for it."""
    root = tmp_path / 'data'
    for sequence in ('00', '08'):
        for frame in range(2):
            write_scan(root, sequence, frame)
    assert run('tools/prepare_data.py', 'semantickitti', root).returncode == 0
    data = {f'{key}.data_root': str(root) for key in (
        'train_dataloader.dataset.dataset', 'val_dataloader.dataset', 'test_dataloader.dataset')}
    erda = 'projects/ERDA/configs/minkunet_erda_1pct_mini.py'
    spec = dict(
        title='Tiny scans', seeds=[0, 1],
        options={**data, 'train_cfg.max_iters': 6, 'train_cfg.val_interval': 100, 'train_dataloader.num_workers': 0,
                 'train_dataloader.persistent_workers': False, 'default_hooks.checkpoint.interval': 2,
                 'default_hooks.logger.interval': 2},
        budgets={'1%': {'train_dataloader.dataset.budget.ratio': 0.01}, '100%': {
            'train_dataloader.dataset.budget.ratio': 1.0}},
        methods={'ERDA': dict(config=erda, budgets=['1%'], options={'custom_hooks': [
                     dict(type='RandomStateHook'), dict(type='PseudoLabelQualityHook', interval=2, num_scans=1)]}),
                 'full': dict(config='configs/minkunet/minkunet_full_mini.py', budgets=['100%']),
                 'sparse-only': dict(config='configs/minkunet/minkunet_sparse_1pct_mini.py', budgets=['1%'])},
        baseline='sparse-only', classes=['car', 'road'], picture=True)
    path = tmp_path / 'tiny.yaml'
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return ['tools/benchmark.py', path, '--work-dir', tmp_path / 'work', '--at-once', '2']


def lines(tmp_path):
    path = tmp_path / 'work/results.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def cells(tmp_path):
    return sorted((line['method'], line['seed']) for line in lines(tmp_path))


def test_run_kill_resume_repeat(command, tmp_path):
    dry = run(*command, '--dry-run')
    assert dry.returncode == 0 and dry.stdout.count('6 steps, to run') == 6 and not (tmp_path / 'work').exists()

    # Killed together with its children at some moment, twice, then left alone.
    rng = random.Random(0)
    finished = []
    for _ in range(2):
        child = subprocess.Popen([sys.executable, *map(str, command)], cwd=REPOSITORY, start_new_session=True,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=dict(os.environ, OMP_NUM_THREADS='1'))
        time.sleep(rng.uniform(15, 30))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        assert set(finished) <= set(cells(tmp_path))
        finished = cells(tmp_path)
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    everything = [(method, seed) for method in ('ERDA', 'full', 'sparse-only') for seed in (0, 1)]
    assert cells(tmp_path) == everything, 'each cell once'

    work = tmp_path / 'work'
    table = (work / 'table.md').read_text()
    assert table.startswith('| mIoU | 1% | 100% |') and '| sparse-only | ' in table
    assert 'Mean over 2 classes, seeds 0, 1' in table and '- 100%: labels in a scan: 1500 of 1500 raw points' in table
    assert 'mIoU of 2' in (work / 'classes.md').read_text()
    for name in ('miou_by_budget', 'training_curves', 'pseudo_labels', 'comparison'):
        assert (work / f'{name}.png').read_bytes()[:4] == b'\x89PNG'
    line = lines(tmp_path)[0]
    assert line['git_revision'] and line['versions']['torch'] and 0 <= line['metrics']['miou'] <= 1
    assert line['labels'][0]['per_scan'] > 0 and line['length'] == '6 steps' and line['seconds_per_step'] > 0

    readme = tmp_path / 'README.md'
    readme.write_text('<!-- benchmark: tiny -->\n<!-- /benchmark: tiny -->\n')
    again = run(*command, '--markdown', readme)
    assert again.returncode == 0 and '0 cells to run' in again.stdout and cells(tmp_path) == everything
    assert '| ERDA | ' in readme.read_text() and (work / 'table.md').read_text() == table


def test_a_cell_that_fails(command, tmp_path):
    """The others go on, a table of them is made, and the end of its log is shown."""
    spec = yaml.safe_load(command[1].read_text())
    spec['methods']['ERDA']['options'] = {'model.decode_head.loss_erda.loss_weight': -1}
    command[1].write_text(yaml.safe_dump(spec, sort_keys=False))
    done = run(*command, '--seeds', '0', '--methods', 'ERDA', 'sparse-only')
    assert done.returncode == 2 and 'ERDA, 1%, seed 0 failed' in done.stderr and 'must not be negative' in done.stderr
    assert cells(tmp_path) == [('sparse-only', 0)] and '| sparse-only | ' in (tmp_path / 'work/table.md').read_text()


@pytest.mark.parametrize('arguments, message', [
    (['nowhere.yaml'], 'Cannot read the spec nowhere.yaml'),
    (['projects/ERDA/benchmarks/demo.yaml', '--methods', 'theirs'], "has no method 'theirs'"),
    (['projects/ERDA/benchmarks/demo.yaml', '--work-dir', 'nowhere', '--table-only'], 'No cell is finished in nowhere'),
])
def test_bad_arguments(arguments, message):
    done = run('tools/benchmark.py', *arguments)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr
