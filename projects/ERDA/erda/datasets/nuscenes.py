"""Info files for nuScenes-lidarseg, written only after every key frame has been checked.

mmdet3d's own converter is not used: it asks for camera images, sweeps and box annotations, which segmentation does not
read, loads every table into memory, and looks for the data in ``./data/nuscenes`` whatever it was told.
"""
import json
import os
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

import mmengine
import numpy as np
from nuscenes.utils import splits

from ..files.data_error import DataError
from ..files.progress import track
from .nuscenes_seg_dataset import RAW_CLASSES

FEATURES = 5  # float32 x, y, z in metres, intensity, ring
BYTES_PER_POINT = 4 * FEATURES
LIDAR_FOLDER = 'samples/LIDAR_TOP'
TRAINVAL = 'v1.0-trainval'
SPLITS = {
    TRAINVAL: dict(train=frozenset(splits.train), val=frozenset(splits.val)),
    'v1.0-mini': dict(train=frozenset(splits.mini_train), val=frozenset(splits.mini_val)),
}


class KeyFrame(NamedTuple):
    """One labelled sweep: names of its files in ``samples/LIDAR_TOP`` and ``lidarseg/VERSION``, time in seconds."""
    token: str
    scene: str
    timestamp: float
    lidar: str
    lidarseg: str


def prepare_nuscenes(root: Path, version: str = TRAINVAL) -> Dict[str, int]:
    """Check every key frame below ``root`` and write ``nuscenes_lidarseg_infos_{train,val}.pkl``.

    Paths and keys are those of mmdet3d's ``nuscenes_infos_*.pkl``, which stay as they are. A data set needs
    ``data_prefix=dict(pts='samples/LIDAR_TOP', pts_semantic_mask=f'lidarseg/{version}')``. Nothing is written unless
    all key frames pass.

    Args:
        root: folder that holds ``samples/LIDAR_TOP``, ``lidarseg`` and the tables in a folder named like the version.
        version: ``v1.0-trainval`` or ``v1.0-mini``; the test split has no labels.

    Returns: number of key frames per split.

    Raises:
        DataError: for a table that is missing or contradicts another, or a frame that :func:`check_frame` refuses.
    """
    if version not in SPLITS:
        raise DataError(f'{version} is not a labelled version of nuScenes. Choose {" or ".join(SPLITS)}.')
    by_split = _frames_by_split(root / version, version)
    frames = [frame for frames in by_split.values() for frame in frames]
    for frame in track(frames, description=f'Checking {len(frames)} key frames'):
        check_frame(root, version, frame)
    for split, content in by_split.items():
        _write_infos(root / f'nuscenes_lidarseg_infos_{split}.pkl', version, content)
    return {split: len(content) for split, content in by_split.items()}


def check_frame(root: Path, version: str, frame: KeyFrame) -> int:
    """Number of points of a key frame whose files are whole and belong together.

    Raises:
        DataError: if a file is missing, empty, truncated or of another length than its partner, or has NaN or infinite
            values or label ids that nuScenes-lidarseg does not define.
    """
    lidar = root / LIDAR_FOLDER / frame.lidar
    if not lidar.is_file():
        raise DataError(f'{lidar} does not exist. Unpack all v1.0-*_blobs archives (or the lidar ones) below {root}.')
    size = lidar.stat().st_size
    if size == 0 or size % BYTES_PER_POINT:
        raise DataError(f'{lidar}: {size} bytes are not a whole number of points of {BYTES_PER_POINT} bytes (float32 '
                        'x, y, z, intensity, ring), or none. The file is truncated: unpack it again.')
    points = np.fromfile(lidar, dtype=np.float32).reshape(-1, FEATURES)
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise DataError(f'{lidar}: {bad} of {len(points)} points have NaN or infinite values. Unpack it again.')
    lidarseg = root / 'lidarseg' / version / frame.lidarseg
    if not lidarseg.is_file():
        raise DataError(f'{lidarseg} does not exist. Unpack nuScenes-lidarseg-all-v1.0 below {root}.')
    labels = np.fromfile(lidarseg, dtype=np.uint8)
    if len(labels) != len(points):
        raise DataError(f'{lidarseg}: {len(labels)} labels (one byte each), but {lidar.name} has {len(points)} points. '
                        'One of them is truncated: unpack both again.')
    if labels.max() >= len(RAW_CLASSES):
        unknown = np.unique(labels[labels >= len(RAW_CLASSES)])
        raise DataError(f'{lidarseg}: label ids {unknown.tolist()} are not in 0..{len(RAW_CLASSES) - 1}, those of '
                        'nuScenes-lidarseg. Unpack it again.')
    return len(points)


def _frames_by_split(tables: Path, version: str) -> Dict[str, List[KeyFrame]]:
    by_split: Dict[str, List[KeyFrame]] = {split: [] for split in SPLITS[version]}
    for frame in _read_frames(tables):
        split = next((split for split, scenes in SPLITS[version].items() if frame.scene in scenes), None)
        if split is None:
            raise DataError(f'{tables}/scene.json: {frame.scene} is in no split of {version}. The tables belong to '
                            'another version: unpack those of this one.')
        by_split[split].append(frame)
    for split, frames in by_split.items():
        if not frames:
            raise DataError(f'{tables}/sample.json has no key frame of the {split} scenes. Unpack the tables again.')
    return by_split


def _read_frames(tables: Path) -> List[KeyFrame]:
    """Key frames in the order of ``sample.json``, joined from the tables by their tokens."""
    _check_categories(tables)
    try:
        scenes = {row['token']: row['name'] for row in _read_table(tables, 'scene')}
        sweeps = {row['sample_token']: row for row in _read_table(tables, 'sample_data', _is_lidar_key_frame)}
        labels = {row['sample_data_token']: Path(row['filename']).name for row in _read_table(tables, 'lidarseg')}
        frames = []
        for row in _read_table(tables, 'sample'):
            sweep = sweeps.get(row['token'])
            if sweep is None:
                raise DataError(f'{tables}/sample_data.json has no LIDAR_TOP key frame for sample {row["token"]}. '
                                'Unpack the tables again.')
            if sweep['token'] not in labels:
                raise DataError(f'{tables}/lidarseg.json has no labels for {sweep["filename"]}. Unpack '
                                'nuScenes-lidarseg-all-v1.0 again.')
            frames.append(KeyFrame(row['token'], scenes[row['scene_token']], row['timestamp'] / 1e6,
                                   Path(sweep['filename']).name, labels[sweep['token']]))
    except (KeyError, TypeError) as error:
        raise DataError(f'{tables}: scene, sample, sample_data and lidarseg do not fit together: {error} is missing in '
                        'one of them. Unpack the tables again.') from error
    return frames


def _check_categories(tables: Path) -> None:
    names = {row.get('index'): row.get('name') for row in _read_table(tables, 'category')}
    for index, (name, _) in enumerate(RAW_CLASSES):
        if names.get(index) != name:
            raise DataError(f'{tables}/category.json: label id {index} is {names.get(index)}, not {name}. '
                            'nuScenes-lidarseg brings a category.json with all 32 ids: unpack it over the other one.')


def _is_lidar_key_frame(row: dict) -> bool:
    return bool(row.get('is_key_frame')) and str(row.get('filename')).startswith(LIDAR_FOLDER)


def _read_table(tables: Path, name: str, keep: Callable[[dict], bool] = bool) -> List[dict]:
    path = tables / f'{name}.json'
    if not path.is_file():
        archive = 'nuScenes-lidarseg-all-v1.0' if name == 'lidarseg' else f'{tables.name}_meta'
        raise DataError(f'{path} does not exist. Unpack {archive} there.')
    try:  # rows are dropped while they are read: sample_data.json has 2.6 million, of which we want 1 in 77
        rows = json.loads(path.read_text(encoding='utf-8'), object_hook=lambda row: row if keep(row) else None)
    except ValueError as error:
        raise DataError(f'{path} is not JSON ({error}). It is truncated: unpack it again.') from error
    if not isinstance(rows, list):
        raise DataError(f'{path} is not a list of rows, as the tables of nuScenes are. Unpack it again.')
    return [row for row in rows if row is not None]


def _write_infos(path: Path, version: str, frames: List[KeyFrame]) -> None:
    data_list = [
        dict(sample_idx=index, token=frame.token, timestamp=frame.timestamp,
             lidar_points=dict(lidar_path=frame.lidar, num_pts_feats=FEATURES),
             pts_semantic_mask_path=frame.lidarseg) for index, frame in enumerate(frames)
    ]
    part = path.with_suffix('.part.pkl')
    mmengine.dump(dict(metainfo=dict(dataset='nuscenes', version=version), data_list=data_list), part)
    os.replace(part, path)
