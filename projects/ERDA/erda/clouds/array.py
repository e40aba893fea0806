"""NumPy files."""
import math
import zipfile
from pathlib import Path
from typing import IO, Dict, Iterator, List

import numpy as np

from .cloud_format import (
    AXES,
    PointCloud,
    PointCloudError,
    PointCloudFormat,
    chunk_bounds,
    column_names,
    extended_dtype,
    extended_records,
    from_columns,
    next_fields,
    too_few_bytes,
)

XYZ_NAMES = ('xyz', 'points', 'coord', 'coords', 'pos')
MOST_INFLATED = 1100  # bytes that deflate makes of one, at most 1032
COLOUR_NAMES = ('rgb', 'color', 'colors', 'colour', 'colours')
COLOURS = ('red', 'green', 'blue', 'alpha')


class NpyFormat(PointCloudFormat):
    """A 2-D array (x, y, z, column_4, ...) or a structured one. A copy is structured, for it has names."""

    def count_points(self, path: Path) -> int:
        return len(self._load(path))

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        array = self._load(path)
        for chunk in chunk_bounds(len(array), chunk_points):
            records = _named(array[chunk])
            yield from_columns(records.dtype.names, (records[name] for name in records.dtype.names))

    def field_names(self, path: Path) -> List[str]:
        array = self._load(path)
        return list(array.dtype.names or column_names(array.shape[1]))

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        array, dtype = self._load(source), None
        with part.open('wb') as file:
            for chunk in chunk_bounds(len(array), chunk_points):
                records = _named(array[chunk])
                fields = next_fields(new_fields, len(records))
                if dtype is None:
                    dtype = extended_dtype(records.dtype, fields)
                    header = dict(descr=np.lib.format.dtype_to_descr(dtype), fortran_order=False, shape=array.shape[:1])
                    np.lib.format.write_array_header_1_0(file, header)
                extended_records(records, dtype, fields).tofile(file)
        return []

    @staticmethod
    def _load(path: Path) -> np.ndarray:
        if path.stat().st_size == 0:
            raise PointCloudError('it is empty. Copy it again')
        with path.open('rb') as file:
            _refuse_too_few_bytes(file, path.stat().st_size)
        array = np.load(path, mmap_mode='r', allow_pickle=False)
        if array.dtype.names and array.ndim == 1:
            if nested := [name for name in array.dtype.names if array.dtype[name].kind not in 'iufb']:
                raise PointCloudError(f'its field {nested[0]!r} is not one number per point. Leave it out')
            return array
        if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in 'iuf':
            raise PointCloudError(f'its array is {array.shape} {array.dtype}. Save numbers [N, 3 or more], or a '
                                  'structured array with x, y, z')
        return array


class NpzFormat(PointCloudFormat):
    """Arrays of points by name: ``xyz`` or ``points`` ``[N, 3 or more]``, or x, y and z, beside fields ``[N]``.

    The fields of a structured array are such arrays, too. Columns of a field ``[N, C]`` are its own fields, NAME_0,
    NAME_1, ..., those of colours are red, green and blue.
    """

    def count_points(self, path: Path) -> int:
        return len(self._cloud(self._load(path)).xyz)

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        xyz, fields = self._cloud(self._load(path))
        for chunk in chunk_bounds(len(xyz), chunk_points):
            yield PointCloud(xyz[chunk], {name: values[chunk] for name, values in fields.items()})

    def field_names(self, path: Path) -> List[str]:
        arrays = self._load(path)
        return [*arrays, *_unstructured(arrays), *self._cloud(arrays).fields]

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        arrays = self._load(source)
        count = len(self._cloud(arrays).xyz)
        chunks = [next_fields(new_fields, chunk.stop - chunk.start) for chunk in chunk_bounds(count, chunk_points)]
        for name in chunks[0] if chunks else ():
            arrays[name] = np.concatenate([chunk[name] for chunk in chunks])
        with zipfile.ZipFile(source) as archive:
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
        with part.open('wb') as file:
            (np.savez if stored else np.savez_compressed)(file, **arrays)
        return []

    @staticmethod
    def _load(path: Path) -> Dict[str, np.ndarray]:
        with zipfile.ZipFile(path) as members:
            for member in members.infolist():
                if member.file_size > MOST_INFLATED * member.compress_size + MOST_INFLATED:
                    raise too_few_bytes(member.file_size, member.compress_size)
                if member.filename.endswith('.npy'):
                    with members.open(member) as file:
                        _refuse_too_few_bytes(file, member.file_size)
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    @staticmethod
    def _cloud(arrays: Dict[str, np.ndarray]) -> PointCloud:
        columns: Dict[str, np.ndarray] = {}
        arrays = _unstructured(arrays)
        axes = {key.lower(): key for key in reversed(list(arrays)) if key.lower() in AXES}
        name = next((name for name in XYZ_NAMES if name in arrays), None)
        if name is not None:
            points = arrays[name]
            if points.ndim != 2 or points.shape[1] < 3:
                raise PointCloudError(f'its {name!r} is {points.shape}. Save [N, 3 or more]')
            columns.update(zip(column_names(points.shape[1]), points.T))
        elif len(axes) == len(AXES):
            columns.update((axis, arrays[axes[axis]]) for axis in AXES)
        else:
            raise PointCloudError(f'it has the arrays {", ".join(arrays) or "(none)"} and none of '
                                  f'{", ".join(XYZ_NAMES)}. Save the coordinates as xyz')
        count = len(columns['x'])
        for key, values in arrays.items():
            if key == name or key in axes.values() or values.ndim not in (1, 2) or len(values) != count:
                continue
            if values.dtype.kind not in 'iufb':
                continue
            if values.ndim == 1:
                columns[key] = values
                continue
            colours = COLOURS if key.lower() in COLOUR_NAMES and values.shape[1] <= 4 else ()
            columns.update((colours[i] if colours else f'{key}_{i}', column) for i, column in enumerate(values.T))
        return from_columns(columns, columns.values())


def _refuse_too_few_bytes(file: IO[bytes], size: int) -> None:
    """Compare the shape in a .npy header with the bytes behind it."""
    header = (np.lib.format.read_array_header_1_0 if np.lib.format.read_magic(file) == (1, 0) else
              np.lib.format.read_array_header_2_0)
    shape, _, dtype = header(file)
    if math.prod(shape) * dtype.itemsize > size - file.tell() and not dtype.hasobject:
        raise too_few_bytes(shape[0], size)


def _unstructured(arrays: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """Arrays and the fields of structured ones; an array of the same name comes before a field."""
    fields = {name: array[name] for array in arrays.values() if array.dtype.names and array.ndim == 1
              for name in array.dtype.names}
    return {**fields, **{key: array for key, array in arrays.items() if not array.dtype.names}}


def _named(array: np.ndarray) -> np.ndarray:
    """``[N]`` records of a 2-D array; a structured one is returned as it is."""
    if array.dtype.names:
        return array
    dtype = np.dtype([(name, array.dtype) for name in column_names(array.shape[1])])
    return np.ascontiguousarray(array).view(dtype)[:, 0]
