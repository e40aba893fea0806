import os
from pathlib import Path

import pytest

from erda.files.whole_file import write_whole


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    with monkeypatch.context() as patched:
        patched.setattr('os.replace', lambda source, target: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_whole(path, b'new')
    assert list(tmp_path.iterdir()) == []
    write_whole(path, b'new')
    assert path.read_bytes() == b'new'


def test_a_full_disk_takes_nothing(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    path.write_bytes(b'old')

    def full(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='No space left'):
        write_whole(path, b'new and longer')
    assert path.read_bytes() == b'old' and list(tmp_path.iterdir()) == [path]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr('os.fsync', lambda descriptor: done.append('sync'))
    replace = os.replace
    monkeypatch.setattr('os.replace', lambda source, target: (done.append(Path(target).name), replace(source, target)))
    write_whole(tmp_path / 'file', b'new')
    assert done == ['sync', 'file', 'sync'], 'its bytes, its name, and the folder that has the name'


def test_permissions_stay(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    path.chmod(0o640)
    write_whole(path, b'new')
    assert path.stat().st_mode & 0o777 == 0o640
