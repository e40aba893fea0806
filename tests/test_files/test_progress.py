import io
import threading
import time

import pytest
from rich.console import Console

from erda.files import progress as progress_module
from erda.files.generated_files import run_in_processes
from erda.files.progress import Progress, track

SECONDS = progress_module.FIRST_LINE, progress_module.BETWEEN_LINES


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr(progress_module, 'FIRST_LINE', 0.02)
    monkeypatch.setattr(progress_module, 'BETWEEN_LINES', 0.05)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_lines_are_less_than_30_seconds_apart():
    assert max(SECONDS) < 30


def test_lines_of_all_tasks_where_there_is_no_terminal():
    file, now = io.StringIO(), 0.0
    with Progress(console=Console(file=file, width=20)) as progress:  # as wide as it has to be, all the same
        progress.get_time = lambda: now
        scans = progress.add_task('[made] scans', total=1008, completed=1000, before=998)
        progress.add_task('sizes', total=None, completed=3)
        progress.add_task('cell', total=1.0, note='train 5/10')
        progress.add_task('waits', total=2)
        now = 10.0
        wait_for(lambda: file.getvalue().count('\n') >= 2)
        expected = ('[made] scans: 1,000 of 1,008, about 0:00:40 left; sizes: 3; cell: train 5/10; waits: 0 of 2')
        assert file.getvalue().splitlines()[-1] == expected
        progress.update(scans, completed=1008)
        wait_for(lambda: '1,008 of 1,008; sizes' in file.getvalue())
    written = file.getvalue()
    assert all(line.startswith('[made] scans: ') for line in written.splitlines()), 'no bar, not even at the end'
    time.sleep(0.2)
    assert file.getvalue() == written, 'no line after the end'


def test_a_line_is_in_the_log_file_at_once(tmp_path):
    path = tmp_path / 'log'
    with open(path, 'w') as file, Progress(console=Console(file=file)) as progress:
        progress.add_task('scans', total=2)
        wait_for(lambda: path.read_text() == 'scans: 0 of 2\n')


def test_bars_and_no_line_on_a_terminal():
    file = io.StringIO()
    with Progress(console=Console(file=file, force_terminal=True, width=80, _environ={})) as progress:
        progress.add_task('scans', total=2, completed=1)
        time.sleep(0.3)
    assert '1/2' in file.getvalue() and '1 of 2' not in file.getvalue()


@pytest.mark.parametrize('terminal', [False, True])
def test_nothing_if_disabled(terminal):
    file = io.StringIO()
    with Progress(console=Console(file=file, force_terminal=terminal), disable=True) as progress:
        progress.add_task('scans', total=2)
        time.sleep(0.2)
    assert file.getvalue() == ''


def test_track(capsys):
    def slow():
        for item in track({'a': 1, 'b': 2}, 'Reading'):
            while 'Reading: 1 of 2, about ' not in (text := text_so_far()) and item == 'b':
                time.sleep(0.01)
            yield item
        assert ' left\n' in text

    seen = []

    def text_so_far():
        seen.append(capsys.readouterr().out)
        return ''.join(seen)

    assert list(slow()) == ['a', 'b']
    assert list(track(range(3), disable=True)) == [0, 1, 2]


def test_the_lines_end_with_an_error():
    before = threading.active_count()
    with pytest.raises(ValueError):
        for _ in track(range(3)):
            raise ValueError
    assert threading.active_count() == before


def test_processes_say_how_many_calls_are_done(capsys):
    run_in_processes(time.sleep, [(0.2,), (0.2,), (0.4,)], 1, 'naps')
    out = capsys.readouterr().out
    assert 'naps: 0 of 3\n' in out and 'naps: 2 of 3, about 0:00:0' in out
    run_in_processes(time.sleep, [(0.2,)], 1, 'naps', progress=False)
    assert capsys.readouterr().out == ''
