"""Files that are there as a whole or not at all."""
import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, bring it to the disk and rename it.

    No reader sees half of it. A kill, a full disk or a loss of power leaves no half of it, nor takes the file that it
    replaces, whose permissions it gets.

    Raises:
        OSError: if it cannot be written; what was there is there still.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(Path(folder, 'labels.bin'), b'0123')
        ...     [path.name for path in Path(folder).iterdir()]
        ['labels.bin']
    """
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with open(part, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            part.chmod(path.stat().st_mode)
        os.replace(part, path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where that is possible."""
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
