import fcntl
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from erda.evaluation.training_job import ITERATION, JobError, TrainingJob, run_jobs
from erda.files import progress


def job(log, *scripts, **fields):
    return TrainingJob(log.name, lambda: [['-c', script] for script in scripts], log, **fields)


@pytest.mark.parametrize('line, groups', [
    ('- Iter(train) [  50/1000]  lr: 2.0e-03  eta: 0:03:58  time: 0.2511  data_time: 0.0080  loss: 2.7923  loss_a: 2.4',
     ('train', None, '50', '1000', '0.2511', '2.7923')),
    ('- INFO - Epoch(train)  [3][ 20/100]  lr: 1.0  loss: nan', ('train', '3', '20', '100', None, 'nan')),
    ('- INFO - Iter(test) [ 5/16]    eta: 0:00:01', ('test', None, '5', '16', None, None)),
])
def test_progress_lines(line, groups):
    assert ITERATION.search(line).groups() == groups


def test_jobs_run_and_add_to_their_logs(tmp_path, capsys):
    line = 'Iter(train) [ 1/2]  loss: 1.0'
    jobs = [job(tmp_path / name / 'log', f'print("{name}")', f'print("{line}")') for name in ('a', 'b')]
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/log').write_text('before\n')
    finished = []
    assert run_jobs(jobs, at_once=1, finished=finished.append) == [] and finished == [0, 1]
    assert (tmp_path / 'a/log').read_text().splitlines() == ['before', 'a', line]
    assert (tmp_path / 'b/log').read_text().splitlines() == ['b', line]
    assert '1 of 2; done: log' in capsys.readouterr().out
    assert run_jobs([]) == []


SLOW = '''
import time
from pathlib import Path
for i in (1, 2):
    print(f'Epoch(train) [{i}][3/4]  time: 0.5000  data_time: 9.0000  loss: {i}.0', flush=True)
    time.sleep(0.5)
print('Epoch(val) [2][1/2]  time: 0.1  data_time: 0.1', flush=True)
time.sleep(0.5)
'''


def test_lines_say_what_every_job_does_where_there_is_no_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, 'FIRST_LINE', 0.01)
    monkeypatch.setattr(progress, 'BETWEEN_LINES', 0.1)
    names = 'a, seed 0', 'b, seed 0', 'c'
    jobs = [job(tmp_path / name / 'log', SLOW, epochs=2)._replace(name=name) for name in names]
    assert run_jobs(jobs, at_once=2) == []
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith('all: 0 of 3; a, seed 0: starting -c') for line in lines), lines
    both = re.compile(r'all: 0 of 3, about 0:00:0[1-9] left; '
                      r'a, seed 0: train epoch \d of 2, 3/4, loss [12].00; b, seed 0: train epoch \d of 2, ')
    assert any(map(both.match, lines)), lines
    last = re.compile(r'all: 2 of 3, about 0:00:0\d left; c: val epoch 2 of 2, 1/2')
    assert any(map(last.fullmatch, lines)), lines
    assert lines[-1] == '3 of 3; done: c'


def test_bars_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, 'FIRST_LINE', 0.01)
    monkeypatch.setattr(progress, 'get_console', lambda: Console(force_terminal=True, width=100, _environ={}))
    assert run_jobs([job(tmp_path / 'log', SLOW, epochs=2)]) == []
    out = capsys.readouterr().out
    assert 'all: ' not in out and 'train epoch 1 of 2, 3/4, loss 1.00' in out and '0 of 1, about 0:00:0' in out


def test_a_failure_shows_the_log_and_lets_the_others_finish(tmp_path):
    def refuse(number):
        if number == 2:
            raise JobError('no result')

    jobs = [job(tmp_path / 'bad', 'raise SystemExit("no data")', 'print("never")'),
            job(tmp_path / 'good', 'import time; time.sleep(1); print("fine")'), job(tmp_path / 'ugly', 'pass'),
            TrainingJob('full disk', lambda: os.listdir('/nowhere'), tmp_path / 'disk')]
    errors = sorted(map(str, run_jobs(jobs, at_once=2, finished=refuse)))
    assert len(errors) == 3 and errors[0].startswith('bad failed: ') and errors[0].endswith('no data\n')
    assert 'full disk failed: [Errno 2]' in errors[1] and errors[2] == 'no result'
    assert (tmp_path / 'good').read_text() == 'fine\n' and 'never' not in (tmp_path / 'bad').read_text()


def test_a_folder_that_is_at_work_is_left_alone(tmp_path):
    asked = []
    waiting = TrainingJob('a', lambda: asked.append(1) or [], tmp_path / 'log')
    with open(waiting.log, 'a') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        error, = run_jobs([waiting])
    assert f'another process is at work in {tmp_path}' in str(error) and not asked
    assert run_jobs([waiting]) == [] and asked


def test_devices(tmp_path):
    jobs = [job(tmp_path / str(i), 'import os, time; time.sleep(1); print(os.environ["CUDA_VISIBLE_DEVICES"])')
            for i in range(2)]
    run_jobs(jobs, at_once=2, gpus=['2', 'GPU-x'])
    assert sorted(job.log.read_text() for job in jobs) == ['2\n', 'GPU-x\n']


SCRIPT = '''
import sys
import signal
from pathlib import Path
from erda.evaluation.training_job import TrainingJob, run_jobs
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background ignores it
child = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'
run_jobs([TrainingJob(name, lambda: [['-c', child], ['-c', 'open("c", "w")']], Path(name)) for name in 'ab'])
'''


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_children_end_with_the_command(tmp_path, number):
    parent = subprocess.Popen([sys.executable, '-c', SCRIPT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              cwd=tmp_path)
    log = tmp_path / 'a'
    deadline = time.time() + 200
    while not (log.is_file() and log.read_text().endswith('\n')) and time.time() < deadline:
        time.sleep(0.05)
    child = int(log.read_text())
    parent.send_signal(number)
    assert parent.wait(60) != 0 and not (tmp_path / 'b').exists(), 'the waiting job is not started either'
    if number == signal.SIGKILL:  # nobody could end it, but it holds its folder until it ends
        error, = run_jobs([job(log, 'pass')])
        assert 'another process is at work' in str(error)
        os.kill(child, signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        for _ in range(200):
            os.kill(child, 0)
            time.sleep(0.05)
    assert not (tmp_path / 'c').exists()
