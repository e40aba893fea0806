"""Point clouds of users, in the file formats they come in, read and written with bounded memory."""
import contextlib
import os
import struct
import zipfile
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set

import numpy as np

from .array import NpyFormat, NpzFormat
from .bare_numbers import BareNumbersFormat
from .cloud_format import PointCloud, PointCloudError, PointCloudFormat, next_fields
from .pcd import PcdFormat
from .ply import PlyFormat
from .table import TableFormat

__all__ = [
    'SUFFIXES', 'PointCloud', 'PointCloudError', 'assumptions', 'check_copy', 'copy_name', 'copy_with_fields',
    'count_points', 'field_names', 'iter_point_cloud', 'read_point_cloud'
]

FORMATS: Dict[str, Callable[[], PointCloudFormat]] = {
    '.ply': PlyFormat, '.npy': NpyFormat, '.npz': NpzFormat, '.txt': TableFormat, '.csv': TableFormat,
    '.xyz': TableFormat, '.pts': TableFormat, '.pcd': PcdFormat}
LAS_SUFFIXES = ('.las', '.laz')
BARE_NUMBERS = '.bin'
E57 = '.e57'
COPC_SUFFIX = '.copc.laz'  # by which other programs know the format
SUFFIXES = ('.ply', *LAS_SUFFIXES, '.npy', '.npz', BARE_NUMBERS, '.txt', '.csv', '.xyz', '.pts', '.pcd', E57)


def count_points(path: Path, columns: Optional[Sequence[str]] = None) -> int:
    """Number of points, from the header alone where the format has one.

    Args:
        path: a file with one of ``SUFFIXES``.
        columns: names of the columns of a ``.bin`` file; found out from its numbers by default.

    Raises:
        PointCloudError: if the file is missing, unreadable or empty.
    """
    path = Path(path)
    with _naming(path):
        count = _format(path, columns).count_points(path)
        if count == 0:
            raise PointCloudError('it has no points. Leave it out')
        return count


def read_point_cloud(path: Path, columns: Optional[Sequence[str]] = None) -> PointCloud:
    """All points of a file. Raises what :func:`iter_point_cloud` raises."""
    cloud, = iter_point_cloud(path, count_points(path, columns), columns)
    return cloud


def iter_point_cloud(path: Path, chunk_points: int = 1_000_000,
                     columns: Optional[Sequence[str]] = None) -> Iterator[PointCloud]:
    """The points of a file in order, with memory for one chunk of LAS, LAZ, binary PLY, NPY and BIN files.

    Text tables and NPZ files are read whole.

    Args:
        path: a file with one of ``SUFFIXES``.
        chunk_points: points of each chunk; the last may have fewer.
        columns: see :func:`count_points`.

    Raises:
        PointCloudError: if the file is missing, unreadable, truncated or empty, lacks x, y or z, or has NaN or
            infinite coordinates.
        ValueError: if ``chunk_points`` is less than 1.
    """
    path, start = Path(path), 0
    if chunk_points < 1:
        raise ValueError(f'chunk_points={chunk_points} must be at least 1')
    count = count_points(path, columns)
    with _naming(path):
        chunks = _format(path, columns).iter_chunks(path, chunk_points)
    while True:
        with _naming(path):
            cloud = next(chunks, None)
            if cloud is None:
                break
            if bad := int((~np.isfinite(cloud.xyz)).any(axis=1).sum()):
                raise PointCloudError(f'{bad} of the points {start} to {start + len(cloud.xyz) - 1} have NaN or '
                                      'infinite coordinates. Remove them')
        yield cloud
        start += len(cloud.xyz)
    if start != count:
        raise PointCloudError(f'{path}: it has {start} points, not {count}. The file is truncated: copy it again.')


def field_names(path: Path, columns: Optional[Sequence[str]] = None) -> List[str]:
    """Names of a file's fields, coordinates included, from its head alone where the format has one.

    Raises:
        PointCloudError: if the file is missing or unreadable.
    """
    path = Path(path)
    with _naming(path):
        return _format(path, columns).field_names(path)


def assumptions(path: Path, columns: Optional[Sequence[str]] = None) -> List[str]:
    """A sentence on each thing that the file does not say and that was taken to be so.

    Raises:
        PointCloudError: if the file is missing or unreadable.
    """
    path = Path(path)
    with _naming(path):
        return _format(path, columns).assumptions(path)


def copy_name(name: str) -> str:
    """Name of a file's copy with new fields, which differs where its format cannot be written.

    Examples:
        >>> copy_name('a.las'), copy_name('b.copc.laz'), copy_name('c.e57')
        ('a.las', 'b.laz', 'c.ply')
    """
    for suffix, written in ((COPC_SUFFIX, '.laz'), (E57, '.ply')):
        if name.lower().endswith(suffix):
            return name[:-len(suffix)] + written
    return name


def check_copy(source: Path, target: Path, new_fields: Dict[str, np.ndarray],
               columns: Optional[Sequence[str]] = None) -> List[str]:
    """Find out whether :func:`copy_with_fields` can write a file, before its new fields are computed.

    Args:
        source: a file that :func:`iter_point_cloud` reads.
        target: what will be written.
        new_fields: a few values ``[n]`` of each, the smallest and the largest among them.
        columns: see :func:`count_points`.

    Returns: a sentence on each thing that the copy will not have.

    Raises:
        PointCloudError: if it cannot.
    """
    source, target = Path(source), Path(target)
    _check_suffix(source, target)
    count = len(next(iter(new_fields.values())))
    with _naming(source):
        return _format(source, columns).check_copy(source, target, next_fields(iter([new_fields]), count))


def copy_with_fields(source: Path, target: Path, new_fields: Iterable[Dict[str, np.ndarray]],
                     chunk_points: int = 1_000_000, columns: Optional[Sequence[str]] = None) -> None:
    """Write every point and attribute of a file, in order, with new per-point fields, to a file of the same format.

    The field 'classification' of a LAS or LAZ file is overwritten, as is every field that exists; others become extra
    dimensions there, vertex properties in PLY and columns elsewhere. Beside a ``.bin`` file, 'classification' is
    written to ``NAME.label`` and the rest to ``NAME.npz``. The target appears under its name only when complete.

    Args:
        source: a file that :func:`iter_point_cloud` reads.
        target: what to write, with the suffix of ``source``; LAS and LAZ may be exchanged.
        new_fields: the ``[n]`` fields of each chunk, cut as by :func:`iter_point_cloud`, the same in all chunks.
        chunk_points: points of each chunk.
        columns: see :func:`count_points`.

    Raises:
        PointCloudError: if the source cannot be used or fields do not fit it.
    """
    source, target = Path(source), Path(target)
    _check_suffix(source, target)
    chunks = _NewFields(new_fields)
    part = target.with_name(f'{target.stem}.part{target.suffix}')
    written = [part]
    try:
        count_points(source, columns)
        with _naming(source):
            try:
                written += (sides := _format(source, columns).copy(source, part, target, chunks, chunk_points))
            except OSError as error:
                raise PointCloudError(f'it cannot be copied to {target} ({error}). Look at the space and the '
                                      'permissions there') from error
            if next(chunks, None) is not None:
                raise PointCloudError('there are more chunks of new fields than the file has')
        for side in sides:
            os.replace(side, side.with_suffix(''))
        os.replace(part, target)
    except PointCloudError:
        if chunks.error is not None:
            raise chunks.error from None
        raise
    finally:
        for path in written:
            path.unlink(missing_ok=True)


def _check_suffix(source: Path, target: Path) -> None:
    suffixes = Path(copy_name(source.name)).suffix.lower(), target.suffix.lower()
    if copy_name(target.name) != target.name:
        raise PointCloudError(f'{target}: this format cannot be written. Name it {copy_name(target.name)}.')
    if suffixes[0] != suffixes[1] and not set(suffixes) <= set(LAS_SUFFIXES):
        raise PointCloudError(f'{target}: {source.name} can only be copied to a file with the same suffix. Name it '
                              f'*{suffixes[0]}.')


class _NewFields:
    """Iterator over the chunks of new fields that holds them to the fields of the first.

    Attributes:
        error: what their maker raised, which is no fault of the file.
    """

    def __init__(self, new_fields: Iterable[Dict[str, np.ndarray]]) -> None:
        self._chunks = iter(new_fields)
        self._names: Optional[Set[str]] = None
        self.error: Optional[Exception] = None

    def __iter__(self) -> Iterator[Dict[str, np.ndarray]]:
        return self

    def __next__(self) -> Dict[str, np.ndarray]:
        try:
            fields = next(self._chunks)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise
        names, self._names = self._names, set(fields)
        if names is not None and names != self._names:
            raise PointCloudError(f'one chunk has the new fields {sorted(names)}, the next {sorted(self._names)}. Give '
                                  'every chunk the same fields')
        return fields


def _format(path: Path, columns: Optional[Sequence[str]] = None) -> PointCloudFormat:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise PointCloudError(f'{suffix or "a file without suffix"} is not a known format. Convert it to one of '
                              f'{", ".join(SUFFIXES)}')
    if not path.is_file():
        raise PointCloudError('it does not exist. Check the name')
    if suffix in LAS_SUFFIXES:
        try:
            from .las import LasFormat  # here, so that all other formats work without laspy
        except ImportError as error:
            raise PointCloudError(f'LAS files need laspy and lazrs ({error}). Run: pip install laspy lazrs') from error
        return LasFormat()
    if suffix == E57:
        try:
            from .e57 import E57Format
        except ImportError as error:
            raise PointCloudError(f'E57 files need pye57 ({error}). Run: pip install pye57') from error
        return E57Format()
    if suffix == BARE_NUMBERS:
        return BareNumbersFormat(columns)
    return FORMATS[suffix]()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Puts the file's name before every error."""
    try:
        yield
    except PointCloudError as error:
        raise PointCloudError(f'{path}: {error}.') from error.__cause__
    except (ValueError, EOFError, struct.error, zipfile.BadZipFile, OSError) as error:
        raise _unreadable(path, error) from error
    except Exception as error:
        # laspy, lazrs and pye57 have their own errors, which share no base class; all else is a fault of ours.
        if type(error).__module__.split('.')[0] in ('laspy', 'lazrs', 'pye57'):
            raise _unreadable(path, error) from error
        raise


def _unreadable(path: Path, error: Exception) -> PointCloudError:
    return PointCloudError(f'{path}: it cannot be read ({type(error).__name__}: {error}). It is truncated or another '
                           'kind of file: copy it again.')
