"""What every file format of point clouds has to offer, and what they share."""
from abc import ABCMeta, abstractmethod
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

import numpy as np

from ..files.data_error import DataError

AXES = ('x', 'y', 'z')


class PointCloudError(DataError):
    """A point cloud file that cannot be used: the message names the file and says what to do."""


class PointCloud(NamedTuple):
    """N points of a file.

    Attributes:
        xyz: ``[N, 3]`` float64, the file's own coordinates.
        fields: every other per-point field, ``[N]``, by the name that the file gives it.
    """
    xyz: np.ndarray
    fields: Dict[str, np.ndarray]


class PointCloudFormat(metaclass=ABCMeta):
    """One file format. Errors of the libraries below may pass: the callers in ``cloud_files`` name the file."""

    @abstractmethod
    def count_points(self, path: Path) -> int:
        """Number of points, from the header alone where there is one."""

    @abstractmethod
    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        """The points in order, ``chunk_points`` at a time, fewer in the last chunk."""

    @abstractmethod
    def field_names(self, path: Path) -> List[str]:
        """Names that the file has already, coordinates included."""

    def assumptions(self, path: Path) -> List[str]:
        """A sentence on each thing that the file does not say and that was taken to be so."""
        return []

    def check_copy(self, source: Path, target: Path, fields: Dict[str, np.ndarray]) -> List[str]:
        """Find out, without writing a file, whether :meth:`copy` will succeed.

        Args:
            source: the file to copy.
            target: what would be written.
            fields: a few values ``[n]`` of each new field.

        Returns: a sentence on each thing that the copy will not have.
        """
        return []

    @abstractmethod
    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        """Write the points of ``source`` with new fields to ``part``, which will be renamed to ``target``.

        Returns: side files to be renamed as well, still with the ending ``.part``.
        """


def too_few_bytes(count: int, size: int) -> PointCloudError:
    """What to say of a header that claims more than the file can hold, before memory is taken for it."""
    return PointCloudError(f'its header says that it has {count:,} points, for which its {size:,} bytes are too few. '
                           'The file is damaged or truncated: copy it again')


def chunk_bounds(count: int, chunk_points: int) -> Iterator[slice]:
    """The ranges of ``chunk_points`` points that make up ``count`` points.

    Examples:
        >>> list(chunk_bounds(5, 2))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, count, chunk_points):
        yield slice(start, min(start + chunk_points, count))


def next_fields(new_fields: Iterator[Dict[str, np.ndarray]], count: int) -> Dict[str, np.ndarray]:
    """The fields of the next chunk, checked to be ``[count]`` numbers; bool becomes uint8, float16 float32.

    Raises:
        PointCloudError: if there are too few chunks or one has another length.
    """
    fields = {}
    for name, values in next(new_fields, {}).items():
        values = np.asarray(values)
        if values.shape != (count, ):
            raise PointCloudError(f'field {name!r} has shape {values.shape} for a chunk of {count} points. Give one '
                                  'value per point, in chunks as iter_point_cloud cuts them')
        fields[name] = values.astype({'?': np.uint8, 'e': np.float32}.get(values.dtype.char, values.dtype))
    if not fields:
        raise PointCloudError(f'there are no fields for a chunk of {count} points. Give them in chunks as '
                              'iter_point_cloud cuts them')
    return fields


def cast_exactly(name: str, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values as another type.

    Raises:
        PointCloudError: if that is an integer type and a value does not fit.
    """
    cast = values.astype(dtype)
    if cast.dtype.kind in 'iu' and (wrong := cast != values).any():
        raise PointCloudError(f'{name} {values[wrong][0]} does not fit into {cast.dtype.name}, which the file has for '
                              'it. Give other values or another name')
    return cast


def from_columns(names: Iterable[str], columns: Iterable[np.ndarray]) -> PointCloud:
    """A cloud of named columns, of which x, y and z, in any case, are the coordinates.

    Raises:
        PointCloudError: if one of them is missing.

    Examples:
        >>> cloud = from_columns(['X', 'Y', 'Z', 'intensity'], np.array([[1, 2], [3, 4], [5, 6], [7, 8]]))
        >>> cloud.xyz.tolist(), cloud.fields['intensity'].tolist()
        ([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]], [7, 8])
    """
    fields = dict(zip(names, columns))
    found = {name.lower(): name for name in reversed(fields)}
    if missing := [axis for axis in AXES if axis not in found]:
        raise PointCloudError(f'there is no {", ".join(missing)} among the fields {", ".join(fields) or "(none)"}. '
                              'Name the coordinates x, y, z')
    xyz = np.stack([fields.pop(found[axis]) for axis in AXES], axis=1).astype(np.float64)
    return PointCloud(xyz, {name: np.ascontiguousarray(values) for name, values in fields.items()})


def column_names(count: int) -> List[str]:
    """Names of columns without a header.

    Examples:
        >>> column_names(5)
        ['x', 'y', 'z', 'column_4', 'column_5']
    """
    return [*AXES, *(f'column_{i}' for i in range(4, count + 1))][:count]


def names_of(dtype: np.dtype) -> Tuple[str, ...]:
    """Names of the fields of a structured type."""
    return dtype.names or ()


def extended_dtype(dtype: np.dtype, fields: Dict[str, np.ndarray]) -> np.dtype:
    """A structured type with the new fields behind the old ones; a field of the same name gets the new type."""
    types = {name: dtype[name] for name in names_of(dtype)}
    types.update({name: values.dtype for name, values in fields.items()})
    return np.dtype(list(types.items()))


def extended_records(records: np.ndarray, dtype: np.dtype, fields: Dict[str, np.ndarray]) -> np.ndarray:
    """``[N]`` structured records with the new fields in their places."""
    extended = np.empty(len(records), dtype=dtype)
    for name in records.dtype.names:
        if name not in fields:
            extended[name] = records[name]
    for name, values in fields.items():
        extended[name] = values
    return extended
