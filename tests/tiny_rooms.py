"""Rooms in the files of mmdet3d's S3DIS and ScanNet that are small enough to train on in a second."""
from pathlib import Path
from typing import Sequence

import mmengine
import numpy as np


def write_room(root: Path, room: str, raw_ids: Sequence[int], points: int = 1500) -> dict:
    """A box of 2 x 2 x 2 m whose raw label ids change with height, and its record in an info file."""
    rng = np.random.default_rng([len(room), *room.encode()])
    xyz = rng.uniform(0, 2, (points, 3))
    labels = np.asarray(raw_ids)[(xyz[:, 2] * len(raw_ids) / 2).astype(int)]
    colour = 255 * rng.random((points, 3))
    colour[:, 0] = 3 * labels
    for folder, array in (('points', np.hstack([xyz, colour]).astype(np.float32)),
                          ('semantic_mask', labels.astype(np.int64)), ('instance_mask', labels.astype(np.int64))):
        path = root / folder / f'{room}.bin'
        path.parent.mkdir(parents=True, exist_ok=True)
        array.tofile(path)
    return dict(lidar_points=dict(num_pts_feats=6, lidar_path=f'{room}.bin'), pts_semantic_mask_path=f'{room}.bin',
                pts_instance_mask_path=f'{room}.bin', sample_idx=room)


def write_s3dis(root: Path) -> Path:
    """Six areas of one room each."""
    for area in range(1, 7):
        _write_split(root, f's3dis_infos_Area_{area}.pkl', f'Area_{area}_resampled_scene_idxs.npy',
                     [write_room(root, f'Area_{area}_office_1', range(13))], 'S3DIS')
    return root


def write_scannet(root: Path) -> Path:
    """Two training scenes and one for validation, of the raw ids of ScanNet's 20 classes and of one that is void."""
    raw_ids = [*range(1, 13), 13, 14, 16, 24, 28, 33, 34, 36, 39]
    for split, scenes in (('train', ['scene0000_00', 'scene0001_00']), ('val', ['scene0002_00'])):
        _write_split(root, f'scannet_infos_{split}.pkl', f'{split}_resampled_scene_idxs.npy',
                     [write_room(root, scene, raw_ids) for scene in scenes], 'ScanNet')
    return root


def _write_split(root: Path, infos: str, indices: str, rooms: Sequence[dict], name: str) -> None:
    mmengine.dump(dict(metainfo=dict(DATASET=name), data_list=rooms), root / infos)
    (root / 'seg_info').mkdir(exist_ok=True)
    np.save(root / 'seg_info' / indices, np.arange(len(rooms)).repeat(2))
