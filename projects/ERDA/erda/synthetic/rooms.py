"""Writes procedural rooms in the files that mmdet3d makes of S3DIS, so that its S3DIS configs run on them."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files.generated_files import claim_folder, run_in_processes
from ..files.whole_file import write_whole
from .room_layout import plan_room
from .room_scan import RoomScan, scan_room
from .room_surfaces import BOARD, BOOKCASE, CHAIR, CLASSES, SOFA, TABLE, IntArray

MANIFEST_NAME = 'synthetic_rooms.json'
# Raise it whenever the same arguments would give other bytes.
GENERATOR_VERSION = 1
AREAS = (1, 2, 3, 4, 5, 6)
_FOLDERS = ('points', 'semantic_mask', 'instance_mask')
# Half of the rooms are offices, as in S3DIS; the first two of an area already hold most classes.
_KIND_CYCLE = ('office', 'lounge', 'conferenceRoom', 'hallway', 'office', 'copyRoom', 'office', 'office')
# S3DIS's detection classes and S3DISSegData's number of points per training sample.
_BOX_CLASSES = (TABLE, CHAIR, SOFA, BOOKCASE, BOARD)
_POINTS_PER_SAMPLE = 4096


class _RoomFiles(NamedTuple):
    points: Path
    semantic_mask: Path
    instance_mask: Path


def simulate_room(seed: int, area: int, index: int) -> RoomScan:
    """One procedural room; a pure function of its arguments.

    Args:
        seed: picks the set of buildings.
        area: picks the building, 1 to 6.
        index: picks the room; its kind follows from the index alone.
    Raises: ValueError for a negative seed or index or an unknown area.
    """
    if min(seed, index) < 0 or area not in AREAS:
        raise ValueError(f'need seed >= 0, index >= 0 and an area of {AREAS}, got {seed}, {index}, {area}')
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, area, index])))
    plan = plan_room(rng, _KIND_CYCLE[index % len(_KIND_CYCLE)])
    return scan_room(rng, plan.things, plan.covers)


def room_name(area: int, index: int) -> str:
    """Stem of a room's files, like ``Area_5_office_1``."""
    return f'Area_{area}_{_KIND_CYCLE[index % len(_KIND_CYCLE)]}_{index + 1}'


def write_synthetic_s3dis(root: Path, rooms_per_area: Mapping[int, int], seed: int = 0, workers: int = 2,
                          progress: bool = True) -> int:
    """Write ``root/{points,semantic_mask,instance_mask}/*.bin``, ``root/s3dis_infos_Area_N.pkl`` and ``root/seg_info``.

    A file is written whole or not at all, and rooms already there are kept, so an interrupted call is continued by
    calling again. Bytes depend neither on ``workers`` nor on order. Info files list the rooms of this call.

    Args:
        root: folder for this data set alone; it remembers its seed in a manifest.
        rooms_per_area: rooms wanted per area, for example ``{1: 8, 5: 8}``.
        workers: processes.
        progress: whether to show a progress bar.
    Returns: number of rooms written by this call.
    Raises: ValueError if ``rooms_per_area`` asks for nothing or for an unknown area, or ``root`` holds rooms made with
        other parameters or by something else; or for a negative seed or no worker.
    """
    root = Path(root)
    if not rooms_per_area or min(rooms_per_area.values()) < 1:
        raise ValueError('rooms_per_area must name at least one area with at least one room each, like {1: 8}; got '
                         f'{dict(rooms_per_area)}')
    if not set(rooms_per_area) <= set(AREAS):
        raise ValueError(f'areas are numbers of {AREAS}, got {list(rooms_per_area)}')
    if workers < 1 or seed < 0:
        raise ValueError(f'need workers >= 1 and seed >= 0, got {workers} and {seed}')
    claim_folder(root, MANIFEST_NAME, {'generator_version': GENERATOR_VERSION, 'seed': seed}, foreign=_holds_rooms)
    for folder in (*_FOLDERS, 'seg_info'):
        (root / folder).mkdir(exist_ok=True)
    missing = [(area, index) for area, count in rooms_per_area.items() for index in range(count)
               if not _is_complete(_room_files(root, area, index))]
    run_in_processes(_write_room, [(root, *room, seed) for room in missing], workers, 'synthetic rooms', progress)
    for area, count in rooms_per_area.items():
        _write_area(root, area, count)
    return len(missing)


def _room_files(root: Path, area: int, index: int) -> _RoomFiles:
    name = f'{room_name(area, index)}.bin'
    return _RoomFiles(*(root / folder / name for folder in _FOLDERS))


def _is_complete(files: _RoomFiles) -> bool:
    """Whether all three files are there with as many ids as points."""
    if not all(path.is_file() for path in files):
        return False
    points, semantic, instance = (path.stat().st_size for path in files)
    return points > 0 and points % 24 == 0 and semantic == instance == points // 24 * 8


def _holds_rooms(root: Path) -> bool:
    return any((root / folder).exists() for folder in _FOLDERS) or any(root.glob('s3dis_infos_*'))


def _write_room(root: Path, area: int, index: int, seed: int) -> None:
    scan, files = simulate_room(seed, area, index), _room_files(root, area, index)
    write_whole(files.semantic_mask, scan.semantic_mask.astype('<i8').tobytes())
    write_whole(files.instance_mask, scan.instance_mask.astype('<i8').tobytes())
    write_whole(files.points, scan.points.astype('<f4').tobytes())


def _write_area(root: Path, area: int, count: int) -> None:
    """Write what mmdet3d's converter derives from an area's rooms: infos, label weights and room indices."""
    rooms = [_room_files(root, area, index) for index in range(count)]
    labels = [np.fromfile(files.semantic_mask, dtype='<i8') for files in rooms]
    data_list = [_room_info(number, files, label) for number, (files, label) in enumerate(zip(rooms, labels))]
    categories = {CLASSES[label]: number for number, label in enumerate(_BOX_CLASSES)}
    infos = {'metainfo': {'categories': categories, 'dataset': 's3dis', 'info_version': '1.1'}, 'data_list': data_list}

    weight = np.bincount(np.concatenate(labels), minlength=len(CLASSES)).astype(np.float32)
    weight = (1.0 / np.log(1.2 + weight / weight.sum())).astype(np.float32)
    _write_changed(root / 'seg_info' / f'Area_{area}_label_weight.npy', _npy(weight))
    _write_changed(root / 'seg_info' / f'Area_{area}_resampled_scene_idxs.npy',
                   _npy(resampled_rooms([len(label) for label in labels])))
    _write_changed(root / f's3dis_infos_Area_{area}.pkl', pickle.dumps(infos, protocol=4))


def resampled_rooms(num_points: list[int]) -> IntArray:
    """Indices of rooms, each as often as its points fill training samples, int32 as S3DISSegData computes them."""
    total = sum(num_points)
    samples = int(total / _POINTS_PER_SAMPLE)
    repeats = [round(points / total * samples) for points in num_points]
    return np.repeat(np.arange(len(num_points)), repeats).astype(np.int32)


def _room_info(number: int, files: _RoomFiles, label: IntArray) -> dict:
    """Entry of a room in the info file, with axis-aligned boxes (center and size) as the converter finds them."""
    xyz = np.fromfile(files.points, dtype='<f4').reshape(-1, 6)[:, :3]
    instance = np.fromfile(files.instance_mask, dtype='<i8')
    instances = []
    for identity in np.unique(instance[np.isin(label, _BOX_CLASSES)]):
        rows = np.flatnonzero(instance == identity)
        low, high = xyz[rows].min(axis=0), xyz[rows].max(axis=0)
        instances.append({'bbox_3d': [*((low + high) / 2).tolist(), *(high - low).tolist()],
                          'bbox_label_3d': _BOX_CLASSES.index(label[rows[0]])})
    return {'sample_idx': number,
            'lidar_points': {'num_pts_feats': 6, 'lidar_path': files.points.name},
            'pts_semantic_mask_path': files.semantic_mask.name,
            'pts_instance_mask_path': files.instance_mask.name,
            'instances': instances}


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def _write_changed(path: Path, content: bytes) -> None:
    if not (path.is_file() and path.read_bytes() == content):
        write_whole(path, content)
