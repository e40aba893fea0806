import pytest

from erda.evaluation.training_job import ITERATION, JobError, TrainingJob, run_jobs


@pytest.mark.parametrize('line, groups', [
    ('- Iter(train) [  50/1000]  lr: 2.0e-03  loss: 2.7923  loss_a: 2.4', ('train', '50', '1000', '2.7923')),
    ('- INFO - Epoch(train)  [3][ 20/100]  lr: 1.0  loss: nan', ('train', '20', '100', 'nan')),
    ('- INFO - Iter(test) [ 5/16]    eta: 0:00:01', ('test', '5', '16', None)),
])
def test_progress_lines(line, groups):
    assert ITERATION.search(line).groups() == groups


def test_jobs_run_and_log(tmp_path):
    jobs = [TrainingJob(name, [['-c', f'print("{name}")'], ['-c', 'print("Iter(train) [ 1/2]  loss: 1.0")']],
                        tmp_path / f'{name}.txt') for name in ('a', 'b')]
    run_jobs(jobs, at_once=1)
    assert (tmp_path / 'a.txt').read_text().splitlines() == ['a', 'Iter(train) [ 1/2]  loss: 1.0']
    run_jobs([])


def test_a_failure_shows_the_log_and_lets_the_others_finish(tmp_path):
    bad = TrainingJob('bad', [['-c', 'raise SystemExit("no data")'], ['-c', 'print("never")']], tmp_path / 'bad.txt')
    good = TrainingJob('good', [['-c', 'import time; time.sleep(1); print("fine")']], tmp_path / 'good.txt')
    with pytest.raises(JobError, match='bad failed(?s:.*)no data'):
        run_jobs([bad, good])
    assert (tmp_path / 'good.txt').read_text() == 'fine\n' and 'never' not in (tmp_path / 'bad.txt').read_text()
