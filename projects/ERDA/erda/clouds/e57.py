"""E57 files of laser scanners, which are read; what is predicted of them is written as PLY."""
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
import pye57
from pye57.utils import convert_spherical_to_cartesian, get_node

from .cloud_format import PointCloud, PointCloudError, PointCloudFormat, extended_dtype, next_fields, too_few_bytes
from .ply import ply_type, vertex_header

CARTESIAN = ('cartesianX', 'cartesianY', 'cartesianZ')
SPHERICAL = ('sphericalRange', 'sphericalAzimuth', 'sphericalElevation')
COLOURS = dict(colorRed='red', colorGreen='green', colorBlue='blue')
INVALID = ('cartesianInvalidState', 'sphericalInvalidState')
MOST_IN_A_BYTE = 8  # points; each is a bit at least


class E57Format(PointCloudFormat):
    """The valid points of all scans, one scan after the other, where their poses put them.

    Fields are those that all scans have, in the names of other formats: intensity, red, green, blue; the rest as it is.
    """

    def count_points(self, path: Path) -> int:
        with pye57.E57(str(path)) as file:
            return sum(self._count(file, header, path) for header in _scans(file))

    def field_names(self, path: Path) -> List[str]:
        with pye57.E57(str(path)) as file:
            return ['x', 'y', 'z', *(_name(field) for field in _common_fields(file))]

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        rest: List[PointCloud] = []
        with pye57.E57(str(path)) as file:
            fields = _common_fields(file)
            for header in _scans(file):
                for part in _read(file, header, fields, chunk_points):
                    rest.append(part)
                    if sum(len(cloud.xyz) for cloud in rest) >= chunk_points:
                        whole = _joined(rest)
                        yield _cut(whole, slice(chunk_points))
                        rest = [_cut(whole, slice(chunk_points, None))]
        if rest and len((whole := _joined(rest)).xyz):
            yield whole

    def check_copy(self, source: Path, target: Path, fields: Dict[str, np.ndarray]) -> List[str]:
        return ['it is E57, which has no place for classes; the result is PLY, without its pictures']

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        count, layout = self.count_points(source), None
        with part.open('wb') as new:
            for cloud in self.iter_chunks(source, chunk_points):
                fields = {**cloud.fields, **next_fields(new_fields, len(cloud.xyz))}
                columns = {**dict(zip('xyz', cloud.xyz.T)), **{name: ply_type(fields[name]) for name in fields}}
                if layout is None:
                    layout = extended_dtype(np.dtype([]), columns).newbyteorder('<')
                    new.write(vertex_header(layout, count))
                records = np.empty(len(cloud.xyz), layout)
                for name, values in columns.items():
                    records[name] = values
                records.tofile(new)
        return []

    @staticmethod
    def _count(file: pye57.E57, header: pye57.ScanHeader, path: Path) -> int:
        if header.point_count > MOST_IN_A_BYTE * path.stat().st_size:
            raise too_few_bytes(header.point_count, path.stat().st_size)
        state = next((field for field in INVALID if field in header.point_fields), None)
        if state is None:
            return header.point_count
        return sum(int((values[state] == 0).sum()) for values in _raw(file, header, [state], 1_000_000))


def _scans(file: pye57.E57) -> Iterator[pye57.ScanHeader]:
    for number in range(file.scan_count):
        yield file.get_header(number)


def _common_fields(file: pye57.E57) -> List[str]:
    """Fields of one number that all scans have, without coordinates and what says whether they are valid."""
    scans = list(_scans(file))
    if not scans:
        return []
    return [field for field in scans[0].point_fields if field not in (*CARTESIAN, *SPHERICAL, *INVALID)
            and all(field in scan.point_fields for scan in scans)]


def _name(field: str) -> str:
    return COLOURS.get(field, field.replace(':', '_'))


def _raw(file: pye57.E57, header: pye57.ScanHeader, fields: List[str],
         chunk_points: int) -> Iterator[Dict[str, np.ndarray]]:
    """Values as float64, some points at a time."""
    buffers = pye57.libe57.VectorSourceDestBuffer()
    values = {field: np.empty(chunk_points) for field in fields}
    for field, array in values.items():
        buffers.append(pye57.libe57.SourceDestBuffer(file.image_file, field, array, chunk_points, True, True))
    reader = header.points.reader(buffers)
    try:
        while count := reader.read():
            yield {field: array[:count].copy() for field, array in values.items()}
    finally:
        reader.close()


def _read(file: pye57.E57, header: pye57.ScanHeader, fields: List[str], chunk_points: int) -> Iterator[PointCloud]:
    axes = next((axes for axes in (CARTESIAN, SPHERICAL) if set(axes) <= set(header.point_fields)), None)
    if axes is None:
        raise PointCloudError('one of its scans has no coordinates. Export it again')
    states = [field for field in INVALID if field in header.point_fields]
    dtypes = {field: _dtype(header, field) for field in fields}
    for values in _raw(file, header, [*axes, *states, *fields], chunk_points):
        valid = np.all([values[state] == 0 for state in states], axis=0) if states else slice(None)
        xyz = np.stack([values[axis] for axis in axes], axis=1)[valid]
        if axes == SPHERICAL:
            xyz = convert_spherical_to_cartesian(xyz)
        if header.has_pose():
            xyz = file.to_global(xyz, header.rotation, header.translation)
        yield PointCloud(np.ascontiguousarray(xyz), {_name(field): values[field][valid].astype(dtypes[field])
                                                     for field in fields})


def _dtype(header: pye57.ScanHeader, field: str) -> Any:
    """Integers as they are stored, so that colours of 8 and 16 bits are told apart."""
    node = get_node(pye57.libe57.StructureNode(header.points.prototype()), field)
    if not isinstance(node, pye57.libe57.IntegerNode):
        return np.float64
    return next((kind for kind in (np.uint8, np.uint16, np.uint32)
                 if node.minimum() >= 0 and node.maximum() <= np.iinfo(kind).max), np.float64)


def _joined(clouds: List[PointCloud]) -> PointCloud:
    return PointCloud(np.concatenate([cloud.xyz for cloud in clouds]),
                      {name: np.concatenate([cloud.fields[name] for cloud in clouds]) for name in clouds[0].fields})


def _cut(cloud: PointCloud, rows: slice) -> PointCloud:
    return PointCloud(cloud.xyz[rows], {name: values[rows] for name, values in cloud.fields.items()})
