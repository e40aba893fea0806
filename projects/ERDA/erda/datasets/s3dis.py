"""S3DIS: the official text files into what mmdet3d's S3DISSegDataset reads."""
import math
from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
from mmdet3d.datasets import S3DISSegDataset

from ..files.data_error import DataError
from ..files.progress import track
from .mmdet3d_converters import Split, s3dis_converter, save_array, write_indoor_infos

CLASSES = S3DISSegDataset.METAINFO['classes']
AREAS = tuple(f'Area_{number}' for number in range(1, 7))
COLUMNS = 6  # x, y, z in metres, red, green, blue in 0..255
SOURCE = 'Stanford3dDataset_v1.2_Aligned_Version'
KINDS = ('point', 'sem_label', 'ins_label')  # in the order of writing: the last one says that a room is complete


class Room(NamedTuple):
    """Points ``[N, 6]`` float32 that start at zero, class ids ``[N]`` and instance ids from 1 ``[N]``, both int64."""
    points: np.ndarray
    semantic_mask: np.ndarray
    instance_mask: np.ndarray


def prepare_s3dis(root: Path) -> Dict[str, int]:
    """Convert ``root/Stanford3dDataset_v1.2_Aligned_Version`` into mmdet3d's files below ``root``.

    All rooms of all areas must be there before anything is written. Each room is then checked and kept in
    ``s3dis_data``, where an interrupted conversion continues; delete that folder to start over. ``s3dis_infos_*.pkl``
    appear after the last room.

    Args:
        root: folder that holds ``Stanford3dDataset_v1.2_Aligned_Version/Area_N/ROOM/Annotations/CLASS_N.txt``.

    Returns: number of rooms per area.

    Raises:
        DataError: for a missing folder or a room that :func:`read_room` refuses.
    """
    rooms = {area: _rooms(root / SOURCE, area) for area in AREAS}
    (root / 's3dis_data').mkdir(exist_ok=True)
    todo = [room for area in AREAS for room in rooms[area] if not _array_path(root, room, KINDS[-1]).is_file()]
    for room in track(todo, description=f'Reading {len(todo)} rooms'):
        for kind, array in zip(KINDS, read_room(room)):
            save_array(_array_path(root, room, kind), array)
    splits = [Split(area, [room.name for room in rooms[area]]) for area in AREAS]
    write_indoor_infos(root, s3dis_converter(), splits)
    return {area: len(rooms[area]) for area in AREAS}


def read_room(room: Path) -> Room:
    """The annotated points of a room, one instance for each file of ``Annotations``.

    A file's name says its class; names that are not among the 13, like stairs, are clutter.

    Raises:
        DataError: naming file and line, for a file that is empty or not text, or has a row that is not six numbers.
    """
    objects, labels = [], []
    for path in _annotations(room):
        objects.append(_read_points(path))
        name = path.stem.rsplit('_', 1)[0]
        labels.append(CLASSES.index(name if name in CLASSES else 'clutter'))
    lengths = [len(points) for points in objects]
    points = np.concatenate(objects)
    points[:, :3] -= points[:, :3].min(axis=0)
    semantic_mask = np.repeat(np.asarray(labels, dtype=np.int64), lengths)
    instance_mask = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    return Room(points.astype(np.float32), semantic_mask, instance_mask)


def _read_points(path: Path) -> np.ndarray:
    if path.stat().st_size == 0:
        raise DataError(f'{path} is empty. Unpack it again.')
    try:
        points = np.loadtxt(path, comments=None, ndmin=2)
        if points.shape[1] == COLUMNS and np.isfinite(points).all():
            return points
    except ValueError:
        pass  # numpy's message has no file and counts lines from 0 or 1 depending on the fault
    raise DataError(f'{path}, {_first_fault(path)} Rows are x y z red green blue: correct this one in a text editor. '
                    'A cut last line means that the file is truncated: unpack it again. (The official '
                    'Area_5/hallway_6/Annotations/ceiling_1.txt has a stray character in line 180389: delete it.)')


def _first_fault(path: Path) -> str:
    with path.open(encoding='latin-1') as file:
        for number, line in enumerate(file, 1):
            values = line.split()
            for value in values:
                if not _is_finite(value):
                    return f'line {number}: {value!r} is not a finite number.'
            if values and len(values) != COLUMNS:
                return f'line {number}: {len(values)} columns instead of {COLUMNS}.'
    return 'no line holds numbers.'


def _is_finite(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _rooms(source: Path, area: str) -> List[Path]:
    if not (source / area).is_dir():
        raise DataError(f'{source / area} does not exist. Unpack Stanford3dDataset_v1.2_Aligned_Version.zip with all '
                        f'six areas and put or link it there; mmdet3d needs it under this name.')
    rooms = sorted(path for path in (source / area).iterdir() if path.is_dir())
    if not rooms:
        raise DataError(f'{source / area} holds no room. Unpack it again.')
    for room in rooms:
        _annotations(room)
    return rooms


def _annotations(room: Path) -> List[Path]:
    paths = sorted((room / 'Annotations').glob('[!.]*_*.txt'))  # macOS leaves ._CLASS_N.txt
    if not paths:
        raise DataError(f'{room / "Annotations"} holds no CLASS_N.txt file, so the room has no labels. '
                        'Unpack it again.')
    return paths


def _array_path(root: Path, room: Path, kind: str) -> Path:
    return root / 's3dis_data' / f'{room.parent.name}_{room.name}_{kind}.npy'
