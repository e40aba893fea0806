import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from erda.evaluation.training_job import ITERATION, TrainingJob, run_jobs


@pytest.mark.parametrize('line, groups', [
    ('- Iter(train) [  50/1000]  lr: 2.0e-03  loss: 2.7923  loss_a: 2.4', ('train', None, '50', '1000', '2.7923')),
    ('- INFO - Epoch(train)  [3][ 20/100]  lr: 1.0  loss: nan', ('train', '3', '20', '100', 'nan')),
    ('- INFO - Iter(test) [ 5/16]    eta: 0:00:01', ('test', None, '5', '16', None)),
])
def test_progress_lines(line, groups):
    assert ITERATION.search(line).groups() == groups


def test_jobs_run_and_log(tmp_path):
    jobs = [TrainingJob(name, [['-c', f'print("{name}")'], ['-c', 'print("Iter(train) [ 1/2]  loss: 1.0")']],
                        tmp_path / f'{name}.txt') for name in ('a', 'b')]
    done = []
    assert run_jobs(jobs, finished=done.append) == []
    assert (tmp_path / 'a.txt').read_text().splitlines() == ['a', 'Iter(train) [ 1/2]  loss: 1.0']
    assert done == [0, 1] and run_jobs([]) == []


def test_a_failure_shows_the_log_and_lets_the_others_finish(tmp_path):
    bad = TrainingJob('bad', [['-c', 'raise SystemExit("no data")'], ['-c', 'print("never")']], tmp_path / 'bad.txt')
    good = TrainingJob('good', [['-c', 'import time; time.sleep(1); print("fine")']], tmp_path / 'good.txt')
    done = []
    error, = run_jobs([bad, good], at_once=2, finished=done.append)
    assert 'bad failed' in str(error) and 'no data' in str(error) and done == [1]
    assert (tmp_path / 'good.txt').read_text() == 'fine\n' and 'never' not in (tmp_path / 'bad.txt').read_text()


def test_a_folder_in_use(tmp_path):
    job = TrainingJob('cell', [['-c', 'print("never")']], tmp_path / 'log.txt')
    with open(job.log, 'a') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        error, = run_jobs([job])
    assert f'another process is at work in {tmp_path}' in str(error) and job.log.read_text() == ''


def test_devices(tmp_path):
    jobs = [TrainingJob(str(i), [['-c', 'import os, time; time.sleep(1); print(os.environ["CUDA_VISIBLE_DEVICES"])']],
                        tmp_path / str(i)) for i in range(2)]
    run_jobs(jobs, at_once=2, gpus=2)
    assert sorted(job.log.read_text() for job in jobs) == ['0\n', '1\n']


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_children_end_with_the_command(tmp_path, number):
    script = (f'from pathlib import Path; from erda.evaluation.training_job import *; '
              f'job = lambda n: TrainingJob(n, [["-c", "import os, time; print(os.getpid(), flush=True); '
              f'time.sleep(60)"]], Path({str(tmp_path)!r}, n)); run_jobs([job("a"), job("b")])')
    parent = subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = tmp_path / 'a'
    deadline = time.time() + 60
    while not (log.is_file() and log.read_text().endswith('\n')) and time.time() < deadline:
        time.sleep(0.05)
    child = int(log.read_text())
    parent.send_signal(number)
    assert parent.wait(30) != 0 and not (tmp_path / 'b').exists(), 'the waiting job is not started either'
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(child, 0)
            time.sleep(0.05)
