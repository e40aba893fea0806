import os
import signal
import time

import pytest

from erda.files.data_error import DataError
from erda.labelling.training_process import LOG, PROCESS, Trainings

TRAIN = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
for step in (50, 100):
    print(f'09/28 14:58:06 - mmengine - INFO - Iter(train) [{step:5d}/2000]  lr: 1e-03  eta: 0:01:00  time: 0.5000  '
          f'data_time: 0.01  loss: 1.2500', flush=True)
until = folder.parent / 'go_on'
while not until.exists():
    time.sleep(0.02)
if until.read_text() == 'fail':
    sys.exit('no click labels a point')
(folder / 'iter_2000.pth').write_text('weights')
(folder / 'last_checkpoint').write_text(str(folder / 'iter_2000.pth'))
"""


@pytest.fixture
def trainings(tmp_path):
    (tmp_path / 'train.py').write_text(TRAIN)
    (tmp_path / 'config.py').write_text('')
    trainings = Trainings(tmp_path / 'train.py', tmp_path / 'config.py', tmp_path / 'work')
    yield trainings
    trainings.stop()


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_training_goes_on_without_the_page(trainings, tmp_path):
    assert trainings.folder is None and not trainings.is_running and trainings.progress() is None
    assert trainings.checkpoint() is None and trainings.why_failed() is None
    folder = trainings.start()
    found = Trainings(trainings.train, trainings.config, trainings.root)  # of the command that comes after a kill
    wait_until(lambda: (progress := found.progress()) is not None and progress.step == 100)
    assert found.is_running and found.progress() == (100, 2000, 1.25, 950.0)
    assert str(found.progress()) == 'step 100 of 2000, loss 1.25, about 0:15:50 left'
    assert os.getpgid(int((folder / PROCESS).read_text())) != os.getpgid(0)
    with pytest.raises(DataError, match='is running'):
        found.start()
    (tmp_path / 'work/go_on').write_text('')
    wait_until(lambda: not found.is_running)
    assert found.checkpoint() == folder / 'iter_2000.pth' and found.why_failed() is None

    (tmp_path / 'work/go_on').unlink()
    assert found.start().name == 'training_2' and found.checkpoint() == folder / 'iter_2000.pth'
    wait_until(lambda: found.progress() is not None)
    found.stop()
    wait_until(lambda: not found.is_running)


def test_why_a_training_ended(trainings, tmp_path):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work/go_on').write_text('fail')
    trainings.start()
    wait_until(lambda: not trainings.is_running)
    assert trainings.why_failed() == 'The training has ended without a checkpoint: no click labels a point'


def test_a_process_that_is_gone_is_not_running(trainings):
    folder = trainings.start()
    wait_until(lambda: trainings.progress() is not None)
    os.killpg(int((folder / PROCESS).read_text()), signal.SIGKILL)
    wait_until(lambda: not trainings.is_running)
    assert (folder / LOG).exists()
    assert trainings.why_failed() == 'The training was stopped before its first checkpoint.'


def test_without_a_config(trainings):
    trainings.config.unlink()
    with pytest.raises(DataError, match='prepare_data.py folder'):
        trainings.start()
