"""tools/analysis_tools/check_device.py, as far as it can be tried out without a GPU."""
import json

import pytest
import torch
from integration.command import run

COMMAND = 'tools/analysis_tools/check_device.py'


def test_every_check_runs_on_a_cpu(tmp_path):
    done = run(COMMAND, '--device', 'cpu', '--quick', '--out', tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads((tmp_path / 'check_device.json').read_text())
    checks = {check['check']: check for check in content['checks']}
    assert {name: check['detail'] for name, check in checks.items() if check['outcome'] == 'failed'} == {}
    assert {name for name, check in checks.items() if check['outcome'] == 'not run'} == {
        'minkunet_erda_1pct_mini, stock kernels', 'pointnet2_ssg_erda_1pct_s3dis, stock kernels', 'points a second'}
    assert sum(name.startswith('kernel, ') for name in checks) >= 16
    assert 'process 1: loss' in checks['two processes on one device']['detail']
    assert 'equal bit for bit' in checks['a resumed training']['detail']
    table = (tmp_path / 'check_device.md').read_text()
    assert table.count('\n| ') == len(checks) + 1 and '| mixed precision | passed | loss ' in table


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a GPU')
def test_no_gpu():
    done = run(COMMAND)
    assert done.returncode == 2 and 'has no CUDA device' in done.stderr and 'Traceback' not in done.stderr
