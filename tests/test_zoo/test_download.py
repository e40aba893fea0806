"""Downloads from a real server that drops connections, lies and dies."""
import hashlib
import multiprocessing
import random
import resource
import socket

import pytest
from test_zoo.unreliable_server import UnreliableServer

from erda.zoo import download as download_module
from erda.zoo.download import download
from erda.zoo.errors import CheckpointError

CONTENT = random.Random(0).randbytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(download_module, 'PAUSE', 0.01)
    monkeypatch.setattr(download_module, 'BLOCK', 10_000)
    monkeypatch.setenv('no_proxy', '127.0.0.1')


def get(server, folder):
    get_from(server.url(), folder)


def get_from(url, folder):
    download(url, folder / 'weights.pth', DIGEST, len(CONTENT))


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != '.lock')


def test_a_file_arrives_once(tmp_path):
    with UnreliableServer(CONTENT) as server:
        for _ in range(2):
            get(server, tmp_path / 'new')
        assert (tmp_path / 'new/weights.pth').read_bytes() == CONTENT
        assert server.starts == [0] and names(tmp_path / 'new') == ['weights.pth']


def test_a_dropped_connection_goes_on_where_it_broke(tmp_path):
    with UnreliableServer(CONTENT, cuts=[100_000, 0, 50_000]) as server:
        get(server, tmp_path)
        assert server.starts == [0, 100_000, 100_000, 150_000] and server.sent == len(CONTENT)
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT


def test_a_server_without_ranges_begins_again(tmp_path):
    with UnreliableServer(CONTENT, ranges=False, cuts=[100_000, 200_000]) as server:
        get(server, tmp_path)
        assert server.starts == [0, 100_000, 200_000] and server.sent == len(CONTENT) + 300_000
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT


def test_a_silent_server_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, 'TIMEOUT', 0.5)
    with UnreliableServer(CONTENT, chunk=100_000, pause=1.5) as server:
        get(server, tmp_path)
        assert server.starts == [0, 100_000, 200_000]
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT


@pytest.mark.parametrize('ranges', [True, False])
def test_it_gives_up_and_the_next_call_goes_on(tmp_path, ranges):
    with UnreliableServer(CONTENT, ranges, cuts=[10_000] * 5) as server:
        with pytest.raises(CheckpointError, match='the connection broke, in the last of 5 attempts') as error:
            get(server, tmp_path)
        assert f'{50_000 if ranges else 10_000} of 300000 bytes' in str(error.value)
        assert names(tmp_path) == ['weights.pth.part']
        get(server, tmp_path)
        assert server.starts[-1] == (50_000 if ranges else 10_000)
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT and names(tmp_path) == ['weights.pth']


def test_a_damaged_part_is_thrown_away(tmp_path):
    (tmp_path / 'weights.pth.part').write_bytes(b'x' * 1000)
    with UnreliableServer(CONTENT) as server:
        with pytest.raises(CheckpointError, match='its sha256 is .*It was deleted'):
            get(server, tmp_path)
        get(server, tmp_path)
        assert server.starts == [1000, 0]
    (tmp_path / 'weights.pth.part').write_bytes(CONTENT + b'x')
    (tmp_path / 'weights.pth').unlink()
    with UnreliableServer(CONTENT) as server:
        get(server, tmp_path)
        assert server.starts == [0]


@pytest.mark.parametrize('content, message', [
    (CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), 'its sha256 is'),
    (b'<html>Log in</html>', 'it has 19 bytes, the metafile has 300000'),
])
def test_another_file_is_refused(tmp_path, content, message):
    with UnreliableServer(content) as server, pytest.raises(CheckpointError, match=message):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_a_file_of_the_server_that_ends_before_the_part(tmp_path):
    (tmp_path / 'weights.pth.part').write_bytes(b'x' * 1000)
    with UnreliableServer(CONTENT[:500]) as server, pytest.raises(CheckpointError, match='it has 500 bytes'):
        get(server, tmp_path)


def test_an_existing_file_that_differs_is_replaced(tmp_path):
    (tmp_path / 'weights.pth').write_bytes(b'old')
    with UnreliableServer(CONTENT) as server:
        get(server, tmp_path)
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT


def test_a_missing_file_is_asked_for_once(tmp_path):
    with UnreliableServer(CONTENT, statuses=[404]) as server:
        with pytest.raises(CheckpointError, match='the server answers 404 Not Found'):
            get(server, tmp_path)
        assert server.starts == [0] and names(tmp_path) == []


def test_a_busy_server_is_asked_again(tmp_path):
    with UnreliableServer(CONTENT, statuses=[503, 429]) as server:
        get(server, tmp_path)
        assert len(server.starts) == 3
    with UnreliableServer(CONTENT, statuses=[503] * 5) as server, pytest.raises(CheckpointError, match='answers 503'):
        get(server, tmp_path / 'other')


def test_a_dead_server(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with pytest.raises(CheckpointError, match='the server cannot be reached .*refused.* 0 of 300000 bytes'):
        get_from(f'http://127.0.0.1:{port}/weights.pth', tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with UnreliableServer(CONTENT) as server, pytest.raises(CheckpointError, match='cannot be written: '):
        get(server, tmp_path / 'file')


def in_processes(function, *arguments, count=1):
    """What ``function`` returns in each of so many processes that run at once."""
    with multiprocessing.get_context('fork').Pool(count) as pool:
        jobs = [pool.apply_async(function, arguments) for _ in range(count)]
        return [job.get(timeout=30) for job in jobs]


def get_with_limit(url, folder, limit):
    """The message of a download while no file may become larger than ``limit`` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with pytest.raises(CheckpointError) as error:
        get_from(url, folder)
    return str(error.value)


def test_no_room_for_the_file(tmp_path):
    with UnreliableServer(CONTENT) as server:
        message, = in_processes(get_with_limit, server.url(), tmp_path, 123_456)
        assert message.startswith(f'{tmp_path}/weights.pth of 0.3 MB cannot be written: File too large. What came is')
        assert names(tmp_path) == ['weights.pth.part']
        get(server, tmp_path)
        assert server.starts[-1] > 100_000
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT


def test_two_processes_get_it_once(tmp_path):
    with UnreliableServer(CONTENT, chunk=30_000, pause=0.05) as server:
        in_processes(get_from, server.url(), tmp_path, count=2)
        assert len(server.starts) == 1
    assert (tmp_path / 'weights.pth').read_bytes() == CONTENT


@pytest.mark.parametrize('terminal', [True, False])
def test_a_progress_bar_on_a_terminal_alone(tmp_path, terminal, monkeypatch, capsys):
    monkeypatch.setenv('TTY_COMPATIBLE', str(int(terminal)))
    with UnreliableServer(CONTENT) as server:
        get(server, tmp_path)
    out, err = capsys.readouterr()
    assert out == '' and ('weights.pth' in err) == terminal and ('300.0/300.0 kB' in err) == terminal
