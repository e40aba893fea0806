"""Labelled in one call or in many, by one process or several, killed or not: the same files."""
import multiprocessing
import os
import signal

import numpy as np
import pytest

from erda.clouds.cloud_files import copy_with_fields
from erda.inference.batch_records import BatchRecords
from erda.inference.errors import InferenceError
from erda.inference.file_batch import begin_batch, end_with, label_files
from erda.inference.file_pairs import file_pairs
from erda.inference.processes import Process

COUNT = 5


@pytest.fixture
def clouds(tmp_path):
    (tmp_path / 'in/deep').mkdir(parents=True)
    for number in range(COUNT):
        np.save(tmp_path / f'in/{"deep/" * (number % 2)}{number}.npy', np.full((10 + number, 3), number))
    return tmp_path


def label(source, target, advance, say, kill_at=None):
    """As those of the commands do: a temporary folder beside the target, and the target at last."""
    folder = target.parent / f'.{target.name}.abcd1234'
    folder.mkdir(parents=True)

    def fields():
        if source.name == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        yield dict(predicted=np.full(len(np.load(source)), 7))

    copy_with_fields(source, target, fields())
    folder.rmdir()


def call(root, out, process=Process(), settings=1, overwrite=False, label=label):  # noqa: B008  immutable
    pairs = file_pairs([root / 'in'], root / out)
    batch = begin_batch(pairs, BatchRecords(root / out, dict(settings=settings)), process, overwrite)
    end_with(label_files(batch, label, 1000), batch)
    return batch


def written(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*.npy')}


def test_any_number_of_processes_write_the_same(clouds, capsys):
    call(clouds, 'one')
    assert capsys.readouterr().err.endswith('5 of 5 files are labelled.\n')
    for number in range(3):
        batch = call(clouds, 'three', Process(number, 3))
        assert capsys.readouterr().err.splitlines()[-2] == (
            f'Process {number + 1} of 3: {len(batch.mine)} of {len(batch.mine)} files are labelled.')
    assert written(clouds / 'one') == written(clouds / 'three') and len(written(clouds / 'one')) == COUNT
    call(clouds, 'three', Process(2, 3))
    assert capsys.readouterr().err.endswith('All processes so far: 5 of 5 files are labelled.\n')


def test_a_second_call_does_what_a_killed_process_did_not(clouds, capsys):
    def killed():
        call(clouds, 'out', label=lambda *args: label(*args, kill_at='2.npy'))

    process = multiprocessing.get_context('fork').Process(target=killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    first, rest = clouds / 'out/0.npy', ['.2.npy.abcd1234', '.erda_records', '0.npy', '2.part.npy']
    assert sorted(path.name for path in (clouds / 'out').iterdir()) == rest
    made = first.stat().st_mtime_ns

    batch = call(clouds, 'out')
    assert capsys.readouterr().err.endswith('5 of 5 files are labelled, 1 of them by an earlier call.\n')
    assert len(batch.left) == COUNT - 1
    call(clouds, 'whole')
    assert written(clouds / 'out') == written(clouds / 'whole')
    assert first.stat().st_mtime_ns == made and not list(clouds.glob('out/.2*'))


def test_what_is_complete(clouds):
    call(clouds, 'out')
    pairs = file_pairs([clouds / 'in'], clouds / 'out')
    assert BatchRecords(clouds / 'out', dict(settings=1)).unfinished(pairs) == []
    with pytest.raises(InferenceError, match='0.npy exists, and was not made by the same call of the same input'):
        call(clouds, 'out', settings=2)
    assert len(call(clouds, 'out', settings=2, overwrite=True).left) == COUNT
    call(clouds, 'out', settings=2)
    np.save(clouds / 'in/2.npy', np.zeros((3, 3)))  # another input of the same name
    with pytest.raises(InferenceError, match='2.npy exists'):
        call(clouds, 'out', settings=2)
    (clouds / 'out/2.npy').unlink()
    assert [pair.source.name for pair in call(clouds, 'out', settings=2).left] == ['2.npy']


def test_a_file_of_somebody_else_is_not_overwritten(clouds):
    (clouds / 'out').mkdir()
    (clouds / 'out/4.npy').write_bytes(b'mine')
    with pytest.raises(InferenceError, match='4.npy exists'):
        call(clouds, 'out')
    assert written(clouds / 'out') == {(clouds / 'out/4.npy').relative_to(clouds / 'out'): b'mine'}


def test_a_bad_file_ends_nothing_and_is_tried_again(clouds, capsys):
    (clouds / 'in/2.npy').write_bytes(b'no array')
    for done_before in ('', ', 4 of them by an earlier call'):
        with pytest.raises(SystemExit) as end:
            call(clouds, 'out')
        assert end.value.code == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1] == f'4 of 5 files are labelled{done_before}, 1 are not.' and '2.npy: ' in lines[-2]
    assert len(written(clouds / 'out')) == COUNT - 1
