import math

import pytest
from test_benchmark.small_cells import small_runs

from erda.benchmark.results import CellResult, append_result, read_results, results_of_same_configs
from erda.evaluation.comparison_table import LabelCount


def make_result(method='ERDA', budget='1%', seed=1, config_sha256='abc', **metrics):
    return CellResult(
        spec='Try', method=method, budget=budget, seed=seed, config='a.py', options={'a': [1, None]},
        config_sha256=config_sha256, budget_in_words='1%', labels=[LabelCount('raw points', 27.0, 2700.0)],
        metrics=metrics or dict(car=0.5, miou=0.5), iterations=10, train_seconds=2.0, test_seconds=1.0, device='CPU',
        threads=1, git_revision='abc-dirty', versions=dict(python='3.11'), finished='2026-01-01T00:00:00+00:00',
        hidden_labels={})


def test_round_trip(tmp_path):
    path = tmp_path / 'results.jsonl'
    assert read_results(path) == {}
    results = [make_result(seed=seed) for seed in range(3)]
    for result in results:
        append_result(path, result)
    assert list(read_results(path).values()) == results and ('ERDA', '1%', 2, 'abc') in read_results(path)


def test_a_later_line_for_the_same_cell_and_config_wins(tmp_path):
    for car, sha in ((0.1, 'a'), (0.2, 'b'), (0.3, 'a')):
        append_result(tmp_path / 'r', make_result(config_sha256=sha, car=car))
    results = read_results(tmp_path / 'r')
    assert {key[-1]: result.metrics['car'] for key, result in results.items()} == dict(a=0.3, b=0.2)
    assert len((tmp_path / 'r').read_text().splitlines()) == 3, 'nothing is taken away'


def test_a_line_from_before_hidden_labels_were_noted(tmp_path):
    path = tmp_path / 'results.jsonl'
    append_result(path, make_result())
    path.write_text(path.read_text().replace(', "hidden_labels": {}', ''))
    assert list(read_results(path).values()) == [make_result()]


def test_nan(tmp_path):
    append_result(tmp_path / 'r', make_result(car=math.nan, miou=0.25))
    assert 'NaN' not in (tmp_path / 'r').read_text()
    result, = read_results(tmp_path / 'r').values()
    assert math.isnan(result.metrics['car']) and result.metrics['miou'] == 0.25


@pytest.mark.parametrize('share', [0.01, 0.5, 0.99])
def test_a_line_cut_off_by_a_kill_harms_nothing_but_itself(tmp_path, share):
    path = tmp_path / 'results.jsonl'
    for seed in range(2):
        append_result(path, make_result(seed=seed))
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half + int(share * half)])
    assert [result.seed for result in read_results(path).values()] == [0]
    for seed in (1, 2):
        append_result(path, make_result(seed=seed))
    assert [result.seed for result in read_results(path).values()] == [0, 1, 2]


def test_a_result_of_the_same_config_goes_by_the_names_of_the_cell(tmp_path):
    same, different = small_runs(tmp_path, cells=2)
    other = make_result(method='theirs', budget='one', seed=0, config_sha256=same.key[-1])
    (tmp_path / 'work_dirs/other').mkdir(parents=True)
    append_result(tmp_path / 'work_dirs/other/results.jsonl', other)
    found = results_of_same_configs([same, different], 'Mine', tmp_path, tmp_path / 'work_dirs')
    assert found == {same.key: other._replace(spec='Mine', method='ours', budget='1%', config='small.py',
                                              options={'randomness.seed': 0})}
    assert found[same.key].key == same.key
