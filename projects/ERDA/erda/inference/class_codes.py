"""Which numbers the classes get in labelled files, and a table beside these that says so."""
import csv
import io
from pathlib import Path
from typing import Iterable, List, Sequence

from ..clouds.cloud_files import iter_point_cloud
from ..clouds.description import LEGEND
from ..clouds.inspection import LAS_SUFFIXES
from ..clouds.las_classes import LAST_OF_OLD_FORMATS, codes_of_classes
from ..files.whole_file import write_whole
from .errors import InferenceError


def output_codes(classes: Sequence[str], codes: Sequence[int], sources: Iterable[Path]) -> List[int]:
    """The codes of K classes for a batch of files: those given, as far as the point formats of its LAS files hold them.

    Args:
        classes: K names.
        codes: the code that each has.
        sources: files to be labelled; those that cannot be read do not count.

    Raises:
        DataError: if there are more classes than codes.
    """
    if max(codes) <= LAST_OF_OLD_FORMATS or not any(map(_is_old_las, sources)):
        return list(codes)
    return codes_of_classes({name: [code] for name, code in zip(classes, codes)}, old_format=True)


def write_legend(folder: Path, classes: Sequence[str], codes: Sequence[int], overwrite: bool) -> Path:
    """Write which code stands for which class.

    Raises:
        InferenceError: if the folder has another legend, which must not be replaced.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerows([('code', 'class'), *sorted(zip(codes, classes))])
    path, content = folder / LEGEND, text.getvalue().encode()
    if path.exists() and not overwrite and path.read_bytes() != content:
        raise InferenceError(f'{path} gives other codes to the classes. Choose another folder with -o, or give '
                             '--overwrite.')
    if not path.exists() or overwrite:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return path


def _is_old_las(path: Path) -> bool:
    if path.suffix.lower() not in LAS_SUFFIXES:
        return False
    try:
        return 'scanner_channel' not in next(iter_point_cloud(path, 1)).fields  # it came with format 6
    except Exception:  # whatever it is, it is said when its turn comes
        return False
