"""Gets a file over HTTP whole or not at all, and goes on where it was cut off."""
import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO, Callable

from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ..files.digest import sha256
from ..files.progress import Progress
from .errors import CheckpointError

ATTEMPTS = 5
PAUSE = 1.0  # seconds before the second attempt; twice as long before each next one
TIMEOUT = 30.0  # seconds without a byte
BLOCK = 1 << 18


class _Interrupted(Exception):
    """What another attempt may get over."""


def download(url: str, target: Path, digest: str, size: int) -> None:
    """Get a file, unless it is there; two processes at once get it once.

    An interrupted download leaves ``NAME.part``, and the next one goes on from there if the server can.

    Args:
        url: ``http`` or ``https``.
        target: file to write; other files beside it begin with its name.
        digest: its sha256 in hexadecimal.
        size: its bytes.

    Raises:
        CheckpointError: if the server does not have it, cannot be reached or breaks off in each attempt, if what came
            is another file, or if it cannot be written.
    """
    part = target.with_name(f'{target.name}.part')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f'{target.name}.lock')):
            if target.is_file() and sha256(target) == digest:
                return
            _receive_all(url, part, size)
            if (found := sha256(part)) != digest:
                part.unlink()
                raise CheckpointError(f'{url} is not the published file: its sha256 is {found}, the metafile has '
                                      f'{digest}. It was deleted; try again.')
            part.replace(target)
    except OSError as error:  # no permission, a full disk
        received = f' What came is in {part}; the next download goes on from there.' if part.exists() else ''
        raise CheckpointError(f'{target} of {size / 1e6:.1f} MB cannot be written: {error.strerror or error}.'
                              f'{received}') from error


def _receive_all(url: str, part: Path, size: int) -> None:
    columns = (TextColumn('{task.description}'), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())
    before = part.stat().st_size if part.exists() else 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(part.stem, total=size, completed=before, before=before)
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2**(attempt - 1))
            try:
                _receive(url, part, size, lambda received: progress.update(task, completed=received))
                return
            except _Interrupted as error:
                reason = error
    received = part.stat().st_size if part.exists() else 0
    raise CheckpointError(f'{url} cannot be downloaded: {reason}, in the last of {ATTEMPTS} attempts. {received} of '
                          f'{size} bytes have come; the next download goes on from there.')


def _receive(url: str, part: Path, size: int, advance: Callable[[int], None]) -> None:
    """One attempt, from the end of ``part`` on; ``advance`` is told how many bytes of the file are there."""
    start = part.stat().st_size if part.exists() else 0
    if start == size:
        return
    if start > size:
        start = 0
    request = urllib.request.Request(url, headers={'Range': f'bytes={start}-'} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file of the server ends before our part does
            part.unlink()
        if error.code >= 500 or error.code in (408, 416, 429):
            raise _Interrupted(f'the server answers {error.code} {error.reason}') from error
        raise CheckpointError(f'{url} cannot be downloaded: the server answers {error.code} {error.reason}.') from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise _Interrupted(f'the server cannot be reached ({getattr(error, "reason", error)})') from error
    with response:
        if response.status != 206:
            start = 0
        offered = size if response.length is None else start + response.length
        if offered != size:
            raise CheckpointError(f'{url} is not the published file: it has {offered} bytes, the metafile has {size}.')
        with open(part, 'r+b' if start else 'wb') as file:
            file.seek(start)
            _copy(response, file, start, size, advance)


def _copy(response: http.client.HTTPResponse, file: BinaryIO, start: int, size: int,
          advance: Callable[[int], None]) -> None:
    received = start
    while received < size:
        try:
            block = response.read(min(BLOCK, size - received))
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(f'the connection broke ({error or type(error).__name__})') from error
        if not block:
            raise _Interrupted('the connection broke')
        file.write(block)
        received += len(block)
        advance(received)
