"""Cells with small scripts for their training and test, killed at any moment and run again."""
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import time

import pytest
from test_benchmark.small_cells import TRAIN, small_runs, small_runs_tested_twice, write_tools

from erda.benchmark import runs as runs_module
from erda.benchmark.results import append_result, read_results
from erda.benchmark.runs import CellRunner, visible_gpus
from erda.evaluation.comparison_table import LabelCount
from erda.files import progress


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.setattr(CellRunner, '_count_labels', lambda self, cfg: ('1%', [LabelCount('raw points', 1.0, 9.0)]))


def run_all(tmp_path, runs):
    results = tmp_path / 'work/results.jsonl'
    todo = [run for run in runs if run.key not in read_results(results)]
    return CellRunner('Try', results, tmp_path, tmp_path / 'tools').run(todo, at_once=2)


def calls(run):
    path = run.folder / 'calls.txt'
    return path.read_text().splitlines() if path.is_file() else []


def run_in_a_session_of_its_own(tmp_path, runs):
    os.setsid()
    run_all(tmp_path, runs)


@pytest.mark.parametrize('children_too', [True, False])
def test_killed_at_any_moment(tmp_path, children_too):
    """Nothing finished is done again, and every training goes on from its latest complete checkpoint."""
    write_tools(tmp_path / 'tools')
    runs = small_runs(tmp_path, cells=5)
    rng = random.Random(0)
    fork = multiprocessing.get_context('fork')
    finished = {}
    for number in range(100):
        process = fork.Process(target=run_in_a_session_of_its_own, args=(tmp_path, runs))
        process.start()
        before = [calls(run) for run in runs]
        while process.exitcode is None and before == [calls(run) for run in runs]:
            time.sleep(0.01)
        process.join(rng.uniform(0, 0.15 if number < 5 else 0.4))  # the first while they train
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL) if children_too else process.kill()
        process.join()
        for key, seen in finished.items():
            assert calls(next(run for run in runs if run.key == key)) == seen
        results = read_results(tmp_path / 'work/results.jsonl')
        finished = {run.key: calls(run) for run in runs if run.key in results}
        if len(finished) == len(runs):
            break
    while run_all(tmp_path, runs):  # what outlived its parent still holds its lock
        time.sleep(0.1)
    assert len(read_results(tmp_path / 'work/results.jsonl')) == 5
    resumed = 0
    for run in runs:
        *trained, last = calls(run)
        steps = [(int(line.split()[1]), int(line.split()[3])) for line in trained if line.startswith('train')]
        assert last == 'test of 6' and steps[-1][0] == 6
        for (before, old_start), (step, start) in zip(steps, steps[1:]):
            if (step, start) != (before + 1, old_start):
                assert step == start + 1 and start % 2 == 0 and before - 3 <= start <= before
                resumed += 1
    assert resumed, 'a kill hit a training'
    lines = [json.loads(line) for line in (tmp_path / 'work/results.jsonl').read_text().splitlines()]
    assert len(lines) == 5, 'one line for each'


def test_results_say_what_they_come_from(tmp_path):
    write_tools(tmp_path / 'tools')
    run, = small_runs(tmp_path, **{'model.decode_head.loss': {'weight': 2}})
    assert run_all(tmp_path, [run]) == []
    result, = read_results(tmp_path / 'work/results.jsonl').values()
    assert result.key == run.key and (result.spec, result.config, result.iterations) == ('Try', 'small.py', 6)
    assert result.options == {'model.decode_head.loss': {'weight': 2}, 'randomness.seed': 0}
    assert result.metrics == dict(car=0.5, road=0.25, miou=0.375)
    assert result.labels == [LabelCount('raw points', 1.0, 9.0)] and result.git_revision == 'unknown'
    assert 0 <= result.train_seconds < 60 and 0 <= result.test_seconds < 60 and result.threads == 1
    assert {'python', 'torch', 'mmengine', 'mmdet3d'} <= result.versions.keys()


def test_one_training_tested_twice(tmp_path, capsys):
    write_tools(tmp_path / 'tools')
    runs = small_runs_tested_twice(tmp_path, cells=2)
    assert run_all(tmp_path, runs) == []
    results = read_results(tmp_path / 'work/results.jsonl')
    assert results.keys() == {run.key for run in runs}
    for again, trained in zip(runs[::2], runs[1::2]):
        assert calls(again) == ['test of 6'] and len(calls(trained)) == 7
        assert results[again.key].train_seconds == results[trained.key].train_seconds
    assert run_all(tmp_path, runs) == [] and calls(runs[0]) == ['test of 6'], 'nothing is tested again'


def test_a_failed_training_leaves_nothing_to_test(tmp_path):
    write_tools(tmp_path / 'tools', train='raise SystemExit("no such data")')
    runs = small_runs_tested_twice(tmp_path)
    trained, again = run_all(tmp_path, runs)
    assert 'no such data' in str(trained) and 'again, 1%, seed 0: there is no' in str(again)
    assert calls(runs[0]) == []


def test_lines_name_cell_step_and_time_left(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, 'FIRST_LINE', 0.01)
    monkeypatch.setattr(progress, 'BETWEEN_LINES', 0.02)
    write_tools(tmp_path / 'tools', train=TRAIN.replace('sleep(0.02)', 'sleep(0.2)'))
    first, *others = small_runs(tmp_path, cells=3)
    run_all(tmp_path, [first])
    lines = capsys.readouterr().out.splitlines()
    assert 'all: 0 of 1; ours, 1%, seed 0: starting train.py' in lines, 'nothing is known of it yet'
    line = re.compile(r'all: 0 of 1, about 0:00:0[0-2] left; ours, 1%, seed 0: train [2-5]/6, loss 1.00')
    assert any(map(line.fullmatch, lines)), lines
    assert any(line.endswith('ours, 1%, seed 0: starting test.py') for line in lines)

    path = tmp_path / 'work/results.jsonl'
    result, = read_results(path).values()
    append_result(path, result._replace(train_seconds=3600.0, test_seconds=60.0))
    append_result(path, result._replace(train_seconds=1e6, iterations=7, config_sha256='of another length'))
    run_all(tmp_path, others)
    lines = capsys.readouterr().out.splitlines()
    known = r'all: 0 of 2, about 1:0[01]:\d\d left; ours, 1%, seed 1: starting train.py; ours, 1%, seed 2: starting'
    assert any(re.match(known, line) for line in lines), lines
    monkeypatch.setattr(runs_module, 'device_name', lambda: 'another machine')
    for run in others:
        shutil.rmtree(run.folder)
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    run_all(tmp_path, others)
    assert 'about 1:' not in capsys.readouterr().out, 'what takes an hour elsewhere tells nothing'


def test_a_result_that_a_kill_has_lost_needs_no_training(tmp_path):
    write_tools(tmp_path / 'tools')
    run, = small_runs(tmp_path)
    run_all(tmp_path, [run])
    before = calls(run)
    path = tmp_path / 'work/results.jsonl'
    path.write_bytes(path.read_bytes()[:-9])
    assert run_all(tmp_path, [run]) == [] and calls(run) == before and run.key in read_results(path)


def test_a_cell_that_another_call_has_finished_meanwhile_is_left_alone(tmp_path):
    write_tools(tmp_path / 'tools')
    runs = small_runs(tmp_path)
    runner = CellRunner('Try', tmp_path / 'work/results.jsonl', tmp_path, tmp_path / 'tools')
    run_all(tmp_path, runs)
    (runs[0].folder / 'metrics.json').unlink()
    before = calls(runs[0])
    assert runner.run(runs) == [] and calls(runs[0]) == before
    assert len((tmp_path / 'work/results.jsonl').read_text().splitlines()) == 1


def test_a_changed_config_is_run_again(tmp_path):
    write_tools(tmp_path / 'tools')
    first, second = small_runs(tmp_path), small_runs(tmp_path, **{'train_cfg.max_iters': 4})
    for runs in (first, second, first):
        assert run_all(tmp_path, runs) == []
    assert calls(second[0])[-1] == 'test of 4' and len(calls(second[0])) == 5, 'and the first is not run again'


def test_failures_stop_nothing_else(tmp_path):
    write_tools(tmp_path / 'tools', train='import sys; sys.exit("seed_1" in sys.argv[1] and "no luck")')
    runs = small_runs(tmp_path, cells=3)
    for run in runs:
        run.folder.mkdir(parents=True)
        run.commands(tmp_path)
        (run.folder / 'iter_6.pth').write_bytes(b'')
    (tmp_path / 'tools/test.py').write_text('import sys; from pathlib import Path; out = Path(sys.argv[4]); '
                                            '(out / "20260101_000000").mkdir(); (out / "metrics.json").write_text('
                                            '"{}" if "seed_2" in str(out) else \'{"metrics": {"car": null}}\')')
    errors = sorted(map(str, run_all(tmp_path, runs)))
    assert len(errors) == 2 and errors[0].startswith('ours, 1%, seed 1 failed: ') and errors[0].endswith('no luck\n')
    assert 'seed 2: trained and tested in' in errors[1] and "KeyError: 'metrics'" in errors[1]
    assert [key[2] for key in read_results(tmp_path / 'work/results.jsonl')] == [0]


@pytest.mark.parametrize('visible, names', [(None, ['0', '1']), ('2,3', ['2', '3']), ('GPU-a, 1', ['GPU-a', '1'])])
def test_gpus_that_the_caller_may_use(monkeypatch, visible, names):
    monkeypatch.setattr(runs_module.torch.cuda, 'device_count', lambda: 2)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    if visible:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    assert visible_gpus() == names
