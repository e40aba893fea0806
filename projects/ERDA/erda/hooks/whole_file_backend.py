import shutil
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Iterator, List, Optional, Union

from mmengine.fileio import LocalBackend, register_backend

from ..files.whole_file import write_whole
from .training_error import TrainingError


class WholeFileBackend(LocalBackend):
    """mmengine's backend for local files, but what it writes is there as a whole or not at all.

    What kills left of files of the same name is removed. One process at a time may write a file.

    Raises:
        TrainingError: if a file cannot be written.
    """

    NAME = 'whole_file'  # for ``backend_args=dict(backend=...)``

    def __init__(self) -> None:
        self._put_off: Optional[List[str]] = None

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        path = Path(filepath)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for left_by_a_kill in path.parent.glob(f'{escape(path.name)}.*.part'):
                left_by_a_kill.unlink()
            write_whole(path, obj)
            self._put_off = self._put_off and [outdated for outdated in self._put_off if outdated != str(path)]
        except OSError as error:
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


register_backend(WholeFileBackend.NAME, WholeFileBackend, force=True)
