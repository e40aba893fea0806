"""LAS and LAZ files, read and written chunk by chunk."""
import copy
import io
import struct
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, Tuple

import laspy
import lazrs
import numpy as np
from laspy.header import GlobalEncoding, Version
from laspy.point.dims import is_point_fmt_compatible_with_version, supported_versions
from laspy.vlrs.vlrlist import VLRList

from .cloud_format import PointCloud, PointCloudError, PointCloudFormat, cast_exactly, next_fields, too_few_bytes

# Not LazrsParallel: its threads do not survive the fork of a dataloader's workers.
BACKEND = laspy.LazBackend.Lazrs
COORDINATES = ('X', 'Y', 'Z')
MAX_NAME_BYTES = 32
# Bytes. Source: LAS 1.4 R15.
LAS_1_1_HEADER, LAS_1_4_HEADER, RECORD_HEAD, EXTENDED_RECORD_HEAD = 227, 375, 54, 60
COMPRESSED = 128  # is added to the point format
COPC = 'copc'  # user of the records that an index of octree cells is kept in
WAVEFORMS = (4, 5, 9, 10)  # point formats that lazrs 0.8.2 cannot compress without a loss, or at all
WRITABLE_VERSIONS = ('1.2', '1.3', '1.4')


class LasFormat(PointCloudFormat):
    """Fields have the names of laspy: intensity, classification, red, ..., and those of the extra dimensions."""

    def count_points(self, path: Path) -> int:
        _refuse_damaged(path)
        with laspy.open(path, laz_backend=BACKEND) as reader:
            if reader.header.are_points_compressed and reader.header.point_count:
                _refuse_too_few_chunks(path, reader.header)
            return reader.header.point_count

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        with laspy.open(path, laz_backend=BACKEND) as reader:
            names = [name for name in reader.header.point_format.dimension_names if name not in COORDINATES]
            for points in reader.chunk_iterator(chunk_points):
                xyz = np.stack([points.x, points.y, points.z], axis=1)
                fields = {name: np.array(points[name]) for name in names}
                # An extra dimension may be a vector; it is kept in a copy, but is no field of one value per point.
                yield PointCloud(xyz, {name: values for name, values in fields.items() if values.ndim == 1})

    def field_names(self, path: Path) -> List[str]:
        with laspy.open(path, laz_backend=BACKEND) as reader:
            return list(reader.header.point_format.dimension_names)

    def check_copy(self, source: Path, target: Path, fields: Dict[str, np.ndarray]) -> List[str]:
        with laspy.open(source, laz_backend=BACKEND) as reader:
            header, changes = _writable_header(reader.header)
        if target.suffix.lower() == '.laz' and header.point_format.id in WAVEFORMS:
            raise PointCloudError(f'LAZ of point format {header.point_format.id}, which has waveforms, cannot be '
                                  'written. Convert it to LAS or to a point format without them')
        count = len(next(iter(fields.values())))
        points = laspy.ScaleAwarePointRecord.zeros(count, header=header)
        try:
            writer = _open_writer(io.BytesIO(), target, header, fields)
            writer.write_points(_extended_points(points, writer.header, fields))
            _finish(writer, header)
        except PointCloudError:
            raise
        except Exception as error:  # laspy and lazrs raise errors of all kinds
            raise PointCloudError(f'it can be read, but not be written again ({type(error).__name__}: {error}). '
                                  'Convert it to another version of LAS or to PLY') from error
        return changes

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        with laspy.open(source, laz_backend=BACKEND) as reader:
            (header, _), writer = _writable_header(reader.header), None
            try:
                for points in reader.chunk_iterator(chunk_points):
                    fields = next_fields(new_fields, len(points))
                    if writer is None:
                        writer = _open_writer(part.open('wb'), target, header, fields)
                    writer.write_points(_extended_points(points, writer.header, fields))
            finally:
                if writer is not None:
                    _finish(writer, header)
        return []


def _refuse_damaged(path: Path) -> None:
    """Compare the numbers in the header with the size of the file, before anything is read or made that long."""
    size = path.stat().st_size
    with path.open('rb') as file:
        header = file.read(LAS_1_4_HEADER)
    if len(header) < LAS_1_1_HEADER or header[:4] != b'LASF':
        raise PointCloudError('it is no LAS file, or truncated: copy it again')
    header_size, start, records = struct.unpack_from('<HII', header, 94)
    point_format, point_size, count = struct.unpack_from('<BHI', header, 104)
    extended_start = extended_records = 0
    if header[25] >= 4 and len(header) == LAS_1_4_HEADER:
        extended_start, extended_records, count = struct.unpack_from('<QIQ', header, 235)
    if start > size or header_size + records * RECORD_HEAD > start:
        raise PointCloudError(f'its header says that {records:,} records end at byte {start:,} of {size:,}. The file '
                              'is damaged or truncated: copy it again')
    if extended_records and extended_start + extended_records * EXTENDED_RECORD_HEAD > size:
        raise PointCloudError(f'its header says that {extended_records:,} records begin at byte {extended_start:,} of '
                              f'{size:,}. The file is damaged or truncated: copy it again')
    if point_format < COMPRESSED and start + count * point_size > size:
        raise too_few_bytes(count, size)


def _refuse_too_few_chunks(path: Path, header: laspy.LasHeader) -> None:
    """Compare the number of points with the table of compressed chunks."""
    compression = lazrs.LazVlr(header.vlrs.get('LasZipVlr')[0].record_data)
    size = path.stat().st_size
    with path.open('rb') as file:
        file.seek(header.offset_to_point_data)
        table, = struct.unpack('<q', file.read(8))
        if table == -1:  # written to a stream: the place is at the end
            file.seek(-8, io.SEEK_END)
            table, = struct.unpack('<q', file.read(8))
        if not header.offset_to_point_data < table <= size - 8:
            raise PointCloudError('its table of compressed points is not in it. The file is truncated: copy it again')
        file.seek(table)
        chunks, = struct.unpack('<4xI', file.read(8))
        if chunks * compression.item_size() > size:  # a chunk begins with a point that is not compressed
            raise too_few_bytes(header.point_count, size)
        if compression.uses_variable_size_chunks():
            file.seek(header.offset_to_point_data)
            most = sum(points for points, _ in lazrs.read_chunk_table(file, compression))
        else:
            most = chunks * compression.chunk_size()
    if header.point_count > most:
        raise too_few_bytes(header.point_count, size)


def _writable_header(header: laspy.LasHeader) -> Tuple[laspy.LasHeader, List[str]]:
    """A copy of a header that laspy can write, and a sentence on each thing that it lacks."""
    header, changes = copy.deepcopy(header), []
    if any(record.user_id == COPC for record in header.vlrs):
        header.vlrs[:] = [record for record in header.vlrs if record.user_id != COPC]
        header.evlrs = VLRList(record for record in header.evlrs or () if record.user_id != COPC)
        changes.append('it is COPC; the result is without its index, which needs another order of the points')
    version, format_id = str(header.version), header.point_format.id
    writable = [known for known in WRITABLE_VERSIONS
                if known >= version and is_point_fmt_compatible_with_version(format_id, known)]
    if (version == '1.0' or not _is_writable(version, format_id)) and writable:
        if version == '1.0':  # which had a signature before the points, and no meaning for the first words
            header.extra_vlr_bytes, header.file_source_id = b'', 0
            header.global_encoding = GlobalEncoding()
        header.version = Version.from_str(writable[0])
        changes.append(f'it is LAS {version} with point format {format_id}; the result is LAS {writable[0]}')
    return header, changes


def _is_writable(version: str, format_id: int) -> bool:
    return version in supported_versions() and is_point_fmt_compatible_with_version(format_id, version)


def _open_writer(file: BinaryIO, target: Path, header: laspy.LasHeader,
                 fields: Dict[str, np.ndarray]) -> laspy.LasWriter:
    _add_dimensions(header, fields)
    return laspy.LasWriter(file, header, do_compress=target.suffix.lower() == '.laz', laz_backend=BACKEND)


def _finish(writer: laspy.LasWriter, header: laspy.LasHeader) -> None:
    try:
        if header.version.minor >= 4 and header.evlrs:
            writer.write_evlrs(header.evlrs)
    finally:
        writer.close()


def _add_dimensions(header: laspy.LasHeader, fields: Dict[str, np.ndarray]) -> None:
    known = set(header.point_format.dimension_names)
    if long := [name for name in fields if len(name.encode()) > MAX_NAME_BYTES]:
        raise PointCloudError(f'{long[0]!r} is longer than the {MAX_NAME_BYTES} bytes that LAS has for a name. Shorten '
                              'it')
    header.add_extra_dims([laspy.ExtraBytesParams(name, values.dtype) for name, values in fields.items()
                           if name not in known])


def _extended_points(points: laspy.ScaleAwarePointRecord, header: laspy.LasHeader,
                     fields: Dict[str, np.ndarray]) -> laspy.ScaleAwarePointRecord:
    extended = laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
    for name in points.array.dtype.names:  # as they are stored, so that no scale rounds them
        extended.array[name] = points.array[name]
    for name, values in fields.items():
        try:
            extended[name] = cast_exactly(name, values, np.asarray(extended[name]).dtype)
        except OverflowError as error:  # a part of a byte
            raise PointCloudError(f'{name} {values.max()} does not fit into LAS point format '
                                  f'{header.point_format.id}, whose classes end at 31. Convert the file to point '
                                  'format 6 or later') from error
    return extended
