import math

import pytest

from erda.benchmark.results import CellResult, append_result, read_results
from erda.benchmark.spec import Cell
from erda.evaluation.comparison_table import LabelCount


def make_result(method='ERDA', budget='1%', seed=1, **metrics):
    return CellResult(
        spec='Try', method=method, budget=budget, seed=seed, config='a.py', options={'a': [1, None]},
        config_sha256='abc', budget_in_words='1% of each class', labels=[LabelCount('raw points', 27.0, 2700.0)],
        metrics=metrics or dict(car=0.5, miou=0.5), length='10 steps', seconds_per_step=0.2, device='CPU',
        git_revision='abc-dirty', versions=dict(python='3.11'), finished='2026-01-01T00:00:00+00:00')


def test_round_trip(tmp_path):
    path = tmp_path / 'results.jsonl'
    assert read_results(path) == []
    results = [make_result(seed=seed) for seed in range(3)]
    for result in results:
        append_result(path, result)
    assert read_results(path) == results


def test_nan(tmp_path):
    append_result(tmp_path / 'r', make_result(car=math.nan, miou=0.25))
    assert 'NaN' not in (tmp_path / 'r').read_text()
    metrics = read_results(tmp_path / 'r')[0].metrics
    assert math.isnan(metrics['car']) and metrics['miou'] == 0.25


@pytest.mark.parametrize('share', [0.1, 0.5, 0.99])
def test_a_line_cut_off_by_a_kill_harms_nothing_but_itself(tmp_path, share):
    path = tmp_path / 'results.jsonl'
    for seed in range(2):
        append_result(path, make_result(seed=seed))
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half + int(share * half)])
    assert [result.seed for result in read_results(path)] == [0]
    append_result(path, make_result(seed=2))
    assert [result.seed for result in read_results(path)] == [0, 2]


def test_belongs_to():
    result = make_result()
    assert result.belongs_to(Cell('ERDA', '1%', 1, None, {})) and not result.belongs_to(Cell('ERDA', '1%', 2, None, {}))
