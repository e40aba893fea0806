"""Folders of files through the commands in several processes, as torchrun and Slurm start them."""
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from integration.command import run
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from tiny_scans import REPOSITORY, write_scan

SBATCH = """#!/usr/bin/env bash
echo "$@" > "$SUBMITTED"
"""


def contents(folder):
    """Outputs by name, without the records."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*')
            if path.is_file() and '.erda_records' not in path.parts}


def torchrun_environments(count):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    return [dict(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR='127.0.0.1',
                 MASTER_PORT=port) for rank in range(count)]


@pytest.fixture
def scans(tmp_path):
    for frame, points in enumerate((300, 500, 400)):
        write_scan(tmp_path, '00', frame, points)
    return tmp_path / 'sequences/00/velodyne'


def test_two_processes_of_infer_write_what_one_writes(scans, tmp_path):
    init_default_scope('mmdet3d')
    cfg = tiny_config('projects/ERDA/configs/minkunet_erda_1pct.py', tmp_path)
    cfg.dump(tmp_path / 'tiny.py')
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'random.pth')
    command = ['tools/infer.py', tmp_path / 'tiny.py', tmp_path / 'random.pth', scans, '--entropy', '-o']
    with ThreadPoolExecutor() as pool:
        one, *two = pool.map(lambda given: run(*command, tmp_path / given[0], **given[1]), [
            ('one', {}), *(('two', environment) for environment in torchrun_environments(2))])
    for done in (one, *two):
        assert done.returncode == 0, done.stderr
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two') and len(contents(tmp_path / 'one')) == 10
    assert two[0].stderr.endswith('All processes: 3 of 3 files are labelled.\n')
    assert two[1].stderr.endswith('Process 2 of 2: 2 of 2 files are labelled.\n')

    again = run(*command, tmp_path / 'two')
    assert again.returncode == 0 and again.stderr == '3 of 3 files are labelled, 3 of them by an earlier call.\n'
    done = run(*command, tmp_path / 'two', '--smooth')
    assert done.returncode == 2 and '000000.bin exists, and was not made by the same call' in done.stderr


def test_a_job_array_of_propagate_labels(tmp_path):
    folder, out = tmp_path / 'my tiles', tmp_path / 'out'
    folder.mkdir()
    rows = ['file,index,class']
    for number in range(3):
        np.save(folder / f'{number}.npy', np.random.default_rng(number).uniform(0, 5, (200 + number, 3)))
        rows += [f'{number}.npy,{i},{"ground" if i % 2 else "tree"}' for i in range(2 + 2 * (number != 1))]
    rows.append('1.npy,0,ground')
    (tmp_path / 'clicks.csv').write_text('\n'.join(rows))
    (tmp_path / 'sbatch').write_text(SBATCH)
    (tmp_path / 'sbatch').chmod(0o755)
    environment = dict(os.environ, PATH=f'{tmp_path}:{Path(sys.executable).parent}:{os.environ["PATH"]}',
                       SUBMITTED=str(tmp_path / 'submitted'))
    arguments = ['propagate_labels', folder, '--clicks', tmp_path / 'clicks.csv', '-o', out]
    subprocess.run(['tools/slurm_infer.sh', 'cpu', 'label', '2', *map(str, arguments)], cwd=REPOSITORY, check=True,
                   env=environment)
    submitted = (tmp_path / 'submitted').read_text()
    assert '--partition=cpu --job-name=label --array=0-1 --gres=gpu:0' in submitted
    assert '--wrap python -u tools/propagate_labels.py ' in submitted
    assert str(folder).replace(' ', '\\ ') in submitted

    (folder / '2.npy').rename(tmp_path / '2.npy')
    (folder / '2.npy').write_bytes(b'broken')
    command = ['tools/propagate_labels.py', *arguments[1:]]
    array = dict(SLURM_ARRAY_TASK_MIN='0', SLURM_ARRAY_TASK_COUNT='2')
    done = [run(*command, **array, SLURM_ARRAY_TASK_ID=str(task)) for task in range(2)]
    assert sorted(each.returncode for each in done) == [0, 1], [each.stderr for each in done]
    assert done[1].stderr.endswith('All processes so far: 2 of 3 files are labelled.\n')
    assert '1 are not.' in (done[0].stderr + done[1].stderr)
    (tmp_path / '2.npy').rename(folder / '2.npy')
    again = run(*command)
    assert again.stderr.endswith('3 of 3 files are labelled, 2 of them by an earlier call.\n'), again.stderr
    run(*command[:-1], tmp_path / 'one')
    assert contents(out) == contents(tmp_path / 'one')


@pytest.mark.parametrize('arguments', [(), ('cpu', 'name', '2'), ('cpu', 'name', '2', 'train')])
def test_what_slurm_infer_is_told_wrongly(arguments):
    done = subprocess.run(['tools/slurm_infer.sh', *arguments], cwd=REPOSITORY, text=True, capture_output=True)
    assert done.returncode != 0 and 'usage: tools/slurm_infer.sh PARTITION JOB_NAME TASKS' in done.stderr
