"""LAS and LAZ files, read and written chunk by chunk."""
import copy
from pathlib import Path
from typing import Dict, Iterator, List

import laspy
import numpy as np

from .cloud_format import PointCloud, PointCloudError, PointCloudFormat, cast_exactly, next_fields

# Not LazrsParallel: its threads do not survive the fork of a dataloader's workers.
BACKEND = laspy.LazBackend.Lazrs
COORDINATES = ('X', 'Y', 'Z')
MAX_NAME_BYTES = 32


class LasFormat(PointCloudFormat):
    """Fields have the names of laspy: intensity, classification, red, ..., and those of the extra dimensions."""

    def count_points(self, path: Path) -> int:
        with laspy.open(path, laz_backend=BACKEND) as reader:
            return reader.header.point_count

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        with laspy.open(path, laz_backend=BACKEND) as reader:
            names = [name for name in reader.header.point_format.dimension_names if name not in COORDINATES]
            for points in reader.chunk_iterator(chunk_points):
                xyz = np.stack([points.x, points.y, points.z], axis=1)
                fields = {name: np.array(points[name]) for name in names}
                # An extra dimension may be a vector; it is kept in a copy, but is no field of one value per point.
                yield PointCloud(xyz, {name: values for name, values in fields.items() if values.ndim == 1})

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        with laspy.open(source, laz_backend=BACKEND) as reader:
            header, writer = copy.deepcopy(reader.header), None
            try:
                for points in reader.chunk_iterator(chunk_points):
                    fields = next_fields(new_fields, len(points))
                    if writer is None:
                        _add_dimensions(header, fields)
                        writer = laspy.open(part, mode='w', header=header, laz_backend=BACKEND,
                                            do_compress=target.suffix.lower() == '.laz')
                    writer.write_points(_extended_points(points, header, fields))
                if writer is not None and header.version.minor >= 4 and reader.evlrs:
                    writer.write_evlrs(reader.evlrs)
            finally:
                if writer is not None:
                    writer.close()
        return []


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
    extended.copy_fields_from(points)
    for name, values in fields.items():
        try:
            extended[name] = cast_exactly(name, values, np.asarray(extended[name]).dtype)
        except OverflowError as error:  # a part of a byte
            raise PointCloudError(f'{name} {values.max()} does not fit into LAS point format '
                                  f'{header.point_format.id}, whose classes end at 31. Convert the file to point '
                                  'format 6 or later') from error
    return extended
