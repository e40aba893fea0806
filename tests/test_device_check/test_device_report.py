import io
import json

import pytest
import torch
from rich.console import Console

from erda.device_check.kernel_cases import point_cases
from erda.device_check.kernels import assert_close, check_kernel
from erda.device_check.networks import require_falling
from erda.device_check.report import NotHere, run_checks, write_report


def fail():
    raise RuntimeError('no kernel | image')


def not_here():
    raise NotHere('there is no such device')


def test_what_fails_stops_nothing_and_is_reported(tmp_path):
    console = Console(file=io.StringIO())
    results = run_checks(dict(a=fail, b=not_here, c=lambda: 'well'), 60, console)
    assert [(result.check, result.outcome, result.detail) for result in results] == [
        ('a', 'failed', 'RuntimeError: no kernel | image'), ('b', 'not run', 'there is no such device'),
        ('c', 'passed', 'well')]
    assert 'failed: a: RuntimeError' in console.file.getvalue()
    late, = run_checks(dict(c=lambda: 'well'), -1, console)
    assert late.outcome == 'not run' and late.detail == 'out of time'
    write_report(tmp_path, results, torch.device('cpu'))
    assert [x['outcome'] for x in json.loads((tmp_path / 'check_device.json').read_text())['checks']] == [
        'failed', 'not run', 'passed']
    assert '| a | failed | RuntimeError: no kernel / image |' in (tmp_path / 'check_device.md').read_text()


@pytest.mark.parametrize('found, expected, differ', [
    ([1.0, 2.0], [1.0, 2.0001], False), ([1.0, 2.0], [1.0, 2.01], True), ([1, 2], [1, 2], False),
    ([1, 2], [1, 3], True),
    ([1.0, float('nan')], [1.0, 2.0], True)])
def test_what_counts_as_equal(found, expected, differ):
    if differ:
        with pytest.raises(AssertionError, match='output'):
            assert_close(torch.tensor(found), torch.tensor(expected), 'output')
    else:
        assert_close(torch.tensor(found), torch.tensor(expected), 'output')


def test_a_kernel_with_another_result_fails():
    torch.manual_seed(0)
    case = next(case for case in point_cases() if case.name == 'ball query')
    check_kernel(case, torch.device('cpu'))
    calls = iter([0, 1, 2, 3])
    with pytest.raises(AssertionError, match='output 0: .* numbers differ'):
        check_kernel(case._replace(call=lambda x, y: [case.call(x, y)[0] + next(calls)]), torch.device('cpu'))


def test_losses_that_do_not_fall():
    assert require_falling([2.0, 3.0, 1.5]) == 'loss 2.000 to 1.500 in 3 steps'
    for losses in ([1.0, 1.0], [1.0, float('nan')], [1.0, float('inf'), 0.5]):
        with pytest.raises(AssertionError, match='does not fall'):
            require_falling(losses)
