"""PCD files of the Point Cloud Library: ascii, binary and compressed.

pypcd4 reads them too, but it needs pydantic, and the whole file in memory.
"""
import itertools
import math
import struct
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Sequence

import numpy as np

from .cloud_format import (
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
from .lzf import decompress_lzf
from .table import extended_lines

KINDS = {'F': 'f', 'I': 'i', 'U': 'u'}
PADDING = '_'
PACKED_COLOURS = ('rgb', 'rgba')
MAX_HEADER_LINES = 100
MOST_EXPANDED = 264  # bytes that LZF makes of three, at most; its shortest copy has two or three


class Header(NamedTuple):
    """Header of a PCD file.

    Attributes:
        lines: its lines.
        layout: type of a point.
        count: number of points.
        data: ``'ascii'``, ``'binary'`` or ``'binary_compressed'``.
        body: the byte behind the header.
    """
    lines: List[str]
    layout: np.dtype
    count: int  # type: ignore[assignment]  # hides tuple.count
    data: str
    body: int


def read_header(path: Path) -> Header:
    """Header of a PCD file, which is as large as the header says.

    Raises:
        PointCloudError: if it is something else, or truncated.
    """
    lines: List[str] = []
    with path.open('rb') as file:
        while not lines or not lines[-1].startswith('DATA'):
            line = file.readline(1 << 16)
            if not line or len(lines) == MAX_HEADER_LINES:
                raise PointCloudError('its PCD header has no line DATA. It is another kind of file, or truncated: copy '
                                      'it again')
            lines.append(line.decode('latin-1').strip())
        body = file.tell()
    words = {line.split()[0]: line.split()[1:] for line in lines if line and not line.startswith('#')}
    try:
        names, numbers = words['FIELDS'], words.get('COUNT', ['1'] * len(words['FIELDS']))
        count = int(words['POINTS'][0]) if 'POINTS' in words else int(words['WIDTH'][0]) * int(words['HEIGHT'][0])
        entries = [(f'{PADDING}{i}' if name == PADDING else name, f'<{KINDS[kind]}{int(size)}', (int(number), ))
                   for i, (name, size, kind, number) in enumerate(zip(names, words['SIZE'], words['TYPE'], numbers))]
        layout = np.dtype([entry if entry[2] != (1, ) else entry[:2] for entry in entries])
        data = words['DATA'][0]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise PointCloudError(f'its PCD header cannot be understood ({error!r}). Save it again') from error
    header = Header(lines, layout, count, data, body)
    _refuse_truncated(header, path.stat().st_size - body)
    return header


class PcdFormat(PointCloudFormat):
    """Fields are those of one number per point; 'rgb' is red, green and blue. A compressed file is copied as binary."""

    def count_points(self, path: Path) -> int:
        return read_header(path).count

    def field_names(self, path: Path) -> List[str]:
        names = names_of(read_header(path).layout)
        return [*names, *(['red', 'green', 'blue'] if set(PACKED_COLOURS) & set(names) else [])]

    def check_copy(self, source: Path, target: Path, fields: Dict[str, np.ndarray]) -> List[str]:
        compressed = read_header(source).data == 'binary_compressed'
        return ['its points are compressed; those of the result are not'] if compressed else []

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        header = read_header(path)
        with path.open('rb') as file:
            file.seek(header.body)
            for records in _records(header, file, chunk_points):
                columns = {name: records[name] for name in names_of(header.layout)
                           if records[name].ndim == 1 and not name.startswith(PADDING)}
                cloud = from_columns(columns, columns.values())
                for name in set(PACKED_COLOURS) & set(cloud.fields):
                    cloud.fields.update(_colours(cloud.fields.pop(name)))
                yield cloud

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        header, layout = read_header(source), None
        with source.open('rb') as old, part.open('wb') as new:
            old.seek(header.body)
            for chunk, records in zip(chunk_bounds(header.count, chunk_points), _chunks(header, old, chunk_points)):
                fields = next_fields(new_fields, chunk.stop - chunk.start)
                if layout is None:
                    layout = extended_dtype(header.layout, fields)
                    new.write(_header_bytes(header, layout))
                if isinstance(records, np.ndarray):
                    new.write(extended_records(records, layout, fields).tobytes())
                else:
                    lines = extended_lines(records, _flat_names(header.layout), _flat_names(layout), fields)
                    new.writelines(line.encode('latin-1') for line in lines)
        return []


def _refuse_truncated(header: Header, size: int) -> None:
    """Compare what the header says with the bytes behind it."""
    needed = header.count * header.layout.itemsize
    if header.data == 'ascii':
        needed = 2 * header.count * len(_flat_names(header.layout)) - 1  # a digit and a space, at least
    elif header.data == 'binary_compressed':
        needed = 8 + needed // MOST_EXPANDED
    elif header.data != 'binary':
        raise PointCloudError(f'its PCD data is {header.data}, not ascii, binary or binary_compressed. Save it again')
    if header.count < 0 or size < needed:
        raise too_few_bytes(header.count, size)


def _records(header: Header, file: BinaryIO, chunk_points: int) -> Iterator[np.ndarray]:
    for chunk in _chunks(header, file, chunk_points):
        yield chunk if isinstance(chunk, np.ndarray) else _parsed(chunk, header)


def _chunks(header: Header, file: BinaryIO, chunk_points: int) -> Iterator[np.ndarray | List[str]]:
    """Records of a binary file, lines of an ascii one."""
    if header.data == 'ascii':
        lines = (line.decode('latin-1') for line in file if line.strip())
        for chunk in chunk_bounds(header.count, chunk_points):
            found = list(itertools.islice(lines, chunk.stop - chunk.start))
            if len(found) < chunk.stop - chunk.start:
                raise PointCloudError(f'it ends after {chunk.start + len(found)} of its {header.count} points. The '
                                      'file is truncated: copy it again')
            yield found
        return
    whole = _decompressed(header, file) if header.data == 'binary_compressed' else None
    for chunk in chunk_bounds(header.count, chunk_points):
        yield np.fromfile(file, header.layout, chunk.stop - chunk.start) if whole is None else whole[chunk]


def _decompressed(header: Header, file: BinaryIO) -> np.ndarray:
    """All records; the file has one field after the other."""
    packed, size = struct.unpack('<II', file.read(8))
    if size != header.count * header.layout.itemsize:
        raise PointCloudError(f'its compressed points are {size:,} bytes, but {header.count:,} points have '
                              f'{header.count * header.layout.itemsize:,}. The file is damaged: copy it again')
    data = decompress_lzf(file.read(packed), size)
    records, start = np.empty(header.count, header.layout), 0
    for name in names_of(header.layout):
        field = header.layout[name]
        values = np.frombuffer(data, field.base, header.count * math.prod(field.shape), start)
        records[name] = values.reshape(header.count, *field.shape)
        start += header.count * field.itemsize
    return records


def _parsed(lines: Sequence[str], header: Header) -> np.ndarray:
    return np.loadtxt(lines, header.layout, comments=None, ndmin=1)


def _flat_names(layout: np.dtype) -> List[str]:
    """A name for each number of a point."""
    return [name if not layout[name].shape else f'{name} {i}' for name in names_of(layout)
            for i in range(math.prod(layout[name].shape))]


def _colours(packed: np.ndarray) -> Dict[str, np.ndarray]:
    """Red, green and blue, which the library packs into the bits of one number."""
    bits = packed.astype(packed.dtype.newbyteorder('=')).view(np.uint32)
    return {name: (bits >> shift & 255).astype(np.uint8) for name, shift in (('red', 16), ('green', 8), ('blue', 0))}


def _header_bytes(header: Header, layout: np.dtype) -> bytes:
    kinds = {kind: letter for letter, kind in KINDS.items()}
    bases = [layout[name].base for name in names_of(layout)]
    new = dict(FIELDS=[PADDING if name.startswith(PADDING) else name for name in names_of(layout)],
               SIZE=[str(base.itemsize) for base in bases], TYPE=[kinds[base.kind] for base in bases],
               COUNT=[str(math.prod(layout[name].shape)) for name in names_of(layout)],
               DATA=['ascii' if header.data == 'ascii' else 'binary'])
    lines = [' '.join([line.split()[0], *new.get(line.split()[0], line.split()[1:])]) if line else line
             for line in header.lines]
    if not any(line.startswith('COUNT') for line in lines):
        lines.insert(next(i for i, line in enumerate(lines) if line.startswith('TYPE')) + 1,
                     ' '.join(['COUNT', *new['COUNT']]))
    return ('\n'.join(lines) + '\n').encode('latin-1')
