import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional, Union

from mmengine.fileio import LocalBackend, register_backend

from .training_error import TrainingError


class WholeFileBackend(LocalBackend):
    """mmengine's backend for local files, but what it writes is there as a whole or not at all.

    A file is written as ``NAME.part``, brought to the disk and renamed, so that neither a kill nor a full disk nor a
    loss of power leaves half of it, or takes the file that it replaces.

    Raises:
        TrainingError: if a file cannot be written.
    """

    NAME = 'whole_file'  # for ``backend_args=dict(backend=...)``

    def __init__(self) -> None:
        self._put_off: Optional[List[str]] = None

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        path = Path(filepath)
        part = path.with_name(f'{path.name}.part')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(part, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            _sync_folder(path.parent)
            self._put_off = self._put_off and [outdated for outdated in self._put_off if outdated != str(path)]
        except OSError as error:
            part.unlink(missing_ok=True)
            free = shutil.disk_usage(path.parent).free
            raise TrainingError(f'{path} cannot be written: {error.strerror}. It takes {len(obj) / 1e6:.1f} MB; '
                                f'{free / 1e6:.1f} MB are free there.') from error

    def put_text(self, obj: str, filepath: Union[str, Path], encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)

    def remove(self, filepath: Union[str, Path]) -> None:
        if self._put_off is None:
            super().remove(filepath)
        else:
            self._put_off.append(str(filepath))

    @contextmanager
    def removals_put_off(self) -> Iterator[None]:
        """Removes files only at the end, if nothing failed, and not those that have been written again."""
        self._put_off = []
        try:
            yield
            outdated = self._put_off
        finally:
            self._put_off = None
        for path in outdated:
            super().remove(path)


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where that is possible."""
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


register_backend(WholeFileBackend.NAME, WholeFileBackend, force=True)
