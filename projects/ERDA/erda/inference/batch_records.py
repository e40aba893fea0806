"""Which outputs of a folder are complete, so that a second call does only what the first did not."""
import glob
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence

from ..clouds.description import RECORDS
from ..files.whole_file import write_whole
from .errors import InferenceError
from .file_pairs import FilePair


class BatchRecords:
    """Records in the folder of the outputs, one for each.

    An output is complete if it is there, which it is as a whole or not at all, and its record says that it was made of
    this input with these settings. A record is written after its output.

    Args:
        folder: of the outputs.
        settings: all that decides what the outputs are, beside the inputs, as JSON has it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.settings = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()

    def is_complete(self, pair: FilePair) -> bool:
        """Whether the output of a file is there and was made of it with these settings."""
        record = self._path(pair)
        return (pair.target.exists() and record.is_file() and pair.source.is_file()
                and record.read_bytes() == self._content(pair))

    def unfinished(self, pairs: Sequence[FilePair], overwrite: bool = False) -> List[FilePair]:
        """Those that are not complete, or all that are to be overwritten.

        Raises:
            InferenceError: if an output is there that was not made of its input with these settings.
        """
        if overwrite:
            return list(pairs)
        left = [pair for pair in pairs if not self.is_complete(pair)]
        if stranger := next((target for _, target in left if target.exists()), None):
            raise InferenceError(f'{stranger} exists, and was not made by the same call of the same input. Choose '
                                 'another folder, or give --overwrite.')
        return left

    def begin(self, pair: FilePair) -> Optional[bytes]:
        """Forget an earlier output, and remove what a killed process left of it.

        Returns: what to give to :meth:`end`.
        """
        self._path(pair).unlink(missing_ok=True)
        for folder in pair.target.parent.glob(f'.{glob.escape(pair.target.name)}.????????'):  # as tempfile names them
            shutil.rmtree(folder, ignore_errors=True)
        return self._content(pair) if pair.source.is_file() else None

    def end(self, pair: FilePair, begun: Optional[bytes]) -> None:
        """Note that an output is complete, made of the input as it was in the beginning."""
        if begun is not None:
            path = self._path(pair)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, begun)

    def _path(self, pair: FilePair) -> Path:
        return self.folder / RECORDS / f'{pair.target.relative_to(self.folder).as_posix()}.json'

    def _content(self, pair: FilePair) -> bytes:
        stat = pair.source.stat()
        return json.dumps(dict(settings=self.settings, input=str(pair.source.resolve()), bytes=stat.st_size,
                               changed=stat.st_mtime_ns), indent=1).encode()
