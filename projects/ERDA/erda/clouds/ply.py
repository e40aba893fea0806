"""PLY files, ascii and binary, read through a memory map and copied with everything they hold beside the vertices."""
import itertools
import shutil
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, Literal, NamedTuple, Optional, Tuple

import numpy as np

from .cloud_format import (
    AXES,
    PointCloud,
    PointCloudError,
    PointCloudFormat,
    chunk_bounds,
    extended_dtype,
    extended_records,
    from_columns,
    names_of,
    next_fields,
    too_few_bytes,
)
from .table import extended_lines

ByteOrder = Literal['<', '>']
BYTE_ORDERS: Dict[str, ByteOrder] = {'ascii': '<', 'binary_little_endian': '<', 'binary_big_endian': '>'}
TYPES = dict(bool='u1', char='i1', int8='i1', uchar='u1', uint8='u1', short='i2', int16='i2', ushort='u2',
             uint16='u2', int='i4', int32='i4', uint='u4', uint32='u4', float='f4', float32='f4', double='f8',
             float64='f8')
NAMES = dict(i1='char', u1='uchar', i2='short', u2='ushort', i4='int', u4='uint', f4='float', f8='double')
MAX_HEADER_BYTES = 1 << 20
VERTEX = 'vertex'


class Header(NamedTuple):
    """Header of a PLY file.

    Attributes:
        lines: its lines without line ends, the last is ``end_header``.
        ascii: whether the body is text.
        byte_order: of the numbers, ``<`` or ``>``.
        element: name of the vertices.
        count: number of vertices.
        layout: type of a vertex.
        start: where the vertices begin: a byte in a binary file, a line in an ascii one.
        body: the byte behind the header.
    """
    lines: List[str]
    ascii: bool
    byte_order: ByteOrder
    element: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    layout: np.dtype
    start: int
    body: int


def read_header(path: Path) -> Header:
    """Header of a PLY file whose vertices have no list property and come behind no element that has one.

    Where no element is called vertex, the vertices are the first that has x, y and z.

    Raises:
        PointCloudError: if it is something else or truncated.
    """
    with path.open('rb') as file:
        lines = [file.readline(MAX_HEADER_BYTES).decode('latin-1').strip()]
        if lines[0] != 'ply':
            raise PointCloudError('it does not begin with "ply". It is another kind of file: give it its own suffix')
        while lines[-1] != 'end_header':
            line = file.readline(MAX_HEADER_BYTES)
            if not line or file.tell() > MAX_HEADER_BYTES:
                raise PointCloudError('its PLY header has no end. The file is truncated: copy it again')
            lines.append(line.decode('latin-1').strip())
        body = file.tell()
    encoding = next((line.split()[1] for line in lines if line.startswith('format ')), None)
    if encoding not in BYTE_ORDERS:
        raise PointCloudError(f'its PLY format is {encoding}, not one of {", ".join(BYTE_ORDERS)}. Save it again')
    ascii, byte_order, skipped = encoding == 'ascii', BYTE_ORDERS[encoding], 0
    has_vertex = any(line.split()[:2] == ['element', VERTEX] for line in lines)
    for name, count, layout in _elements(lines, byte_order):
        if layout is None:
            raise PointCloudError(f'its element {name!r} has a list and is the vertices or comes before them. Save it '
                                  'again as a plain point cloud')
        if name == VERTEX or not has_vertex and set(AXES) <= {field.lower() for field in names_of(layout)}:
            size = path.stat().st_size - body
            smallest = 2 * len(names_of(layout)) if ascii else layout.itemsize  # a digit and a space, at least
            if count < 0 or count * smallest - int(ascii) > size - (0 if ascii else skipped):
                raise too_few_bytes(count, size)
            return Header(lines, ascii, byte_order, name, count, layout, skipped if ascii else body + skipped, body)
        skipped += count if ascii else count * layout.itemsize
    raise PointCloudError('it has no element with x, y and z. Save it again as a point cloud')


def _elements(lines: List[str], byte_order: str) -> Iterator[Tuple[str, int, Optional[np.dtype]]]:
    """Name, count and layout of each element, ``None`` for a layout with a list."""
    words = [line.split() for line in lines if line.startswith(('element ', 'property '))]
    while words:
        try:
            _, name, count = words.pop(0)
            properties = list(itertools.takewhile(lambda line: line[0] == 'property', words))
            words = words[len(properties):]
            if any(line[1] == 'list' for line in properties):
                yield name, int(count), None
            else:
                yield name, int(count), np.dtype([(line[2], byte_order + TYPES[line[1]]) for line in properties])
        except (KeyError, IndexError, ValueError) as error:
            raise PointCloudError(f'its PLY header cannot be understood ({error!r}). Save it again') from error


class PlyFormat(PointCloudFormat):
    """Fields are the vertex properties."""

    def count_points(self, path: Path) -> int:
        return read_header(path).count

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        header = read_header(path)
        for records in self._records(path, header, chunk_points):
            names = names_of(header.layout)
            cloud = from_columns(names, (records[name] for name in names))
            yield PointCloud(cloud.xyz, {name: values.astype(values.dtype.newbyteorder('='))
                                         for name, values in cloud.fields.items()})

    def field_names(self, path: Path) -> List[str]:
        return list(names_of(read_header(path).layout))

    def check_copy(self, source: Path, target: Path, fields: Dict[str, np.ndarray]) -> List[str]:
        for values in fields.values():
            ply_type(values)
        return []

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        header = read_header(source)
        copy_vertices = _copy_ascii if header.ascii else self._copy_binary
        with source.open('rb') as old, part.open('wb') as new:
            old.seek(header.body)
            copy_vertices(header, old, new, source, new_fields, chunk_points)
            shutil.copyfileobj(old, new)
        return []

    def _copy_binary(self, header: Header, old: BinaryIO, new: BinaryIO, source: Path,
                     new_fields: Iterator[Dict[str, np.ndarray]], chunk_points: int) -> None:
        layout, before = None, old.read(header.start - header.body)
        for records in self._records(source, header, chunk_points):
            fields = {name: ply_type(values) for name, values in next_fields(new_fields, len(records)).items()}
            if layout is None:
                layout = extended_dtype(header.layout, fields).newbyteorder(header.byte_order)
                new.write(_header_bytes(header, layout) + before)
            new.write(extended_records(records, layout, fields).tobytes())
        old.seek(header.start + header.count * header.layout.itemsize)

    @staticmethod
    def _records(path: Path, header: Header, chunk_points: int) -> Iterator[np.ndarray]:
        if header.ascii:
            with path.open('rb') as file:
                file.seek(header.body)
                lines = itertools.islice(file, header.start, header.start + header.count)
                for chunk in chunk_bounds(header.count, chunk_points):
                    size = chunk.stop - chunk.start
                    records = np.loadtxt(itertools.islice(lines, size), header.layout, comments=None, ndmin=1)
                    _refuse_truncated(chunk.start + len(records), chunk.stop, header)
                    yield records
            return
        if header.count:
            records = np.memmap(path, header.layout, mode='r', offset=header.start, shape=(header.count, ))
            for chunk in chunk_bounds(header.count, chunk_points):
                yield records[chunk]


def _copy_ascii(header: Header, old: BinaryIO, new: BinaryIO, source: Path,
                new_fields: Iterator[Dict[str, np.ndarray]], chunk_points: int) -> None:
    names: Tuple[str, ...] = ()
    before = list(itertools.islice(old, header.start))
    for chunk in chunk_bounds(header.count, chunk_points):
        lines = [line.decode('latin-1') for line in itertools.islice(old, chunk.stop - chunk.start)]
        _refuse_truncated(chunk.start + len(lines), chunk.stop, header)
        fields = {name: ply_type(values) for name, values in next_fields(new_fields, len(lines)).items()}
        if not names:
            layout = extended_dtype(header.layout, fields)
            names = names_of(layout)
            new.write(_header_bytes(header, layout) + b''.join(before))
        new.writelines(line.encode('latin-1') for line in extended_lines(lines, names_of(header.layout), names, fields))


def _refuse_truncated(found: int, count: int, header: Header) -> None:
    if found < count:
        raise PointCloudError(f'it ends after {found} of its {header.count} vertices. The file is truncated: copy it '
                              'again')


def ply_type(values: np.ndarray) -> np.ndarray:
    """Integers of 64 bits, which PLY has not, as int32."""
    if values.dtype.kind in 'iu' and values.dtype.itemsize == 8:
        if len(values) and (values.max() > np.iinfo(np.int32).max or values.min() < np.iinfo(np.int32).min):
            raise PointCloudError('PLY has no integers of 64 bits. Give this field as float64')
        return values.astype(np.int32)
    return values


def vertex_header(layout: np.dtype, count: int) -> bytes:
    """Header of a binary file of vertices alone."""
    lines = ['ply', 'format binary_little_endian 1.0', f'element {VERTEX} {count}', *_properties(layout), 'end_header']
    return ('\n'.join(lines) + '\n').encode('latin-1')


def _properties(layout: np.dtype) -> List[str]:
    return [f'property {NAMES[layout[name].str[1:]]} {name}' for name in names_of(layout)]


def _header_bytes(header: Header, layout: np.dtype) -> bytes:
    lines, in_vertex = [], False
    for line in header.lines:
        if line.startswith('element '):
            in_vertex = line.split()[1] == header.element
        if in_vertex and line.startswith('property '):
            continue
        lines.append(line)
        if in_vertex and line.startswith('element '):
            lines += _properties(layout)
    return ('\n'.join(lines) + '\n').encode('latin-1')
