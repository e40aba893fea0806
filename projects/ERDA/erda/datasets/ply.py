"""Vertices of a binary PLY file; plyfile would do, but its license is the GPL."""
from pathlib import Path
from typing import List, Tuple

import numpy as np

from .semantickitti import DataError

FIELDS = ('x', 'y', 'z', 'red', 'green', 'blue')
TYPES = dict(char='i1', int8='i1', uchar='u1', uint8='u1', short='<i2', int16='<i2', ushort='<u2', uint16='<u2',
             int='<i4', int32='<i4', uint='<u4', uint32='<u4', float='<f4', float32='<f4', double='<f8', float64='<f8')


def read_vertices(path: Path) -> np.ndarray:
    """Vertices ``[N, 6]`` float32 of a binary little-endian mesh: x, y, z, red, green, blue.

    Raises:
        DataError: if the file is something else, truncated or without colours, or has NaN or infinite coordinates.
    """
    content = path.read_bytes()
    header, end, body = content.partition(b'end_header\n')
    if not content.startswith(b'ply') or not end:
        raise DataError(f'{path} is not a PLY file, or its header is truncated. Download it again.')
    count, fields = _vertex_layout(path, header.decode('latin-1').splitlines())
    layout = np.dtype(fields)
    if missing := sorted(set(FIELDS) - set(layout.names or ())):
        raise DataError(f'{path}: its vertices have no {", ".join(missing)}. ScanNet\'s *_vh_clean_2.ply has them.')
    if count == 0 or len(body) < count * layout.itemsize:
        raise DataError(f'{path}: {len(body)} bytes for {count} vertices of {layout.itemsize} bytes. The file is '
                        'truncated or empty: download it again.')
    vertices = np.frombuffer(body, dtype=layout, count=count)
    vertices = np.stack([vertices[name] for name in FIELDS], axis=1, dtype=np.float32, casting='same_kind')
    if not np.isfinite(vertices).all():
        raise DataError(f'{path}: {int((~np.isfinite(vertices)).any(axis=1).sum())} of {count} vertices have NaN or '
                        'infinite values. Download it again.')
    return vertices


def _vertex_layout(path: Path, header: List[str]) -> Tuple[int, List[Tuple[str, str]]]:
    """Number and fields of the vertices, which have to be the first element, as in every ScanNet mesh."""
    words = [line.split() for line in header]
    words = [line for line in words if line and line[0] in ('format', 'element', 'property')]
    try:
        if words[0][1] != 'binary_little_endian' or words[1][:2] != ['element', 'vertex']:
            raise ValueError(' '.join(words[0] + words[1]))
        fields = []
        for line in words[2:]:
            if line[0] != 'property':
                break
            fields.append((line[2], TYPES[line[1]]))
        return int(words[1][2]), fields
    except (IndexError, KeyError, ValueError) as error:
        raise DataError(f'{path}: not a binary little-endian PLY header that begins with vertices ({error!r}). '
                        'Use the official *_vh_clean_2.ply.') from error
