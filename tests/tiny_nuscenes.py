"""Key frames of nuScenes-lidarseg that are small enough to train on in a second, in the official layout."""
import json
from pathlib import Path

import numpy as np

from erda.datasets.nuscenes_seg_dataset import RAW_CLASSES

VERSION = 'v1.0-trainval'
SCENES = ['scene-0001', 'scene-0003', 'scene-0002']  # training, validation, training
POINTS = 320


def points(sweep: int) -> np.ndarray:
    """``[N, 5]``; intensity is the raw label id."""
    values = np.random.default_rng(sweep).uniform(-50, 50, (POINTS, 5)).astype(np.float32)
    values[:, 3] = np.arange(POINTS) % len(RAW_CLASSES)
    return values


def write_nuscenes(root: Path) -> Path:
    """Write the tables, sweeps and labels of one key frame of each of ``SCENES``, without info files."""
    for folder in (VERSION, 'samples/LIDAR_TOP', f'lidarseg/{VERSION}'):
        (root / folder).mkdir(parents=True)
    sweeps, labels = [], []
    for k in range(len(SCENES)):
        lidar = f'samples/LIDAR_TOP/n1__LIDAR_TOP__{k}.pcd.bin'
        lidarseg = f'lidarseg/{VERSION}/sweep{k}_lidarseg.bin'
        points(k).tofile(root / lidar)
        points(k)[:, 3].astype(np.uint8).tofile(root / lidarseg)
        labels.append(dict(token=f'sweep{k}', sample_data_token=f'sweep{k}', filename=lidarseg))
        sweeps += [
            dict(token=f'sweep{k}', sample_token=f'sample{k}', is_key_frame=True, filename=lidar),
            dict(token=f'image{k}', sample_token=f'sample{k}', is_key_frame=True, filename=f'samples/CAM_BACK/{k}.jpg'),
            dict(token=f'next{k}', sample_token=f'sample{k}', is_key_frame=False,
                 filename=f'sweeps/LIDAR_TOP/{k}.pcd.bin'),
        ]
    _write_table(root, 'category', [dict(index=k, name=name) for k, (name, _) in enumerate(RAW_CLASSES)])
    _write_table(root, 'scene', [dict(token=f'token{k}', name=name) for k, name in enumerate(SCENES)])
    _write_table(root, 'sample', [dict(token=f'sample{k}', scene_token=f'token{k}', timestamp=1500000 + k)
                                  for k in range(len(SCENES))])
    _write_table(root, 'sample_data', sweeps)
    _write_table(root, 'lidarseg', labels)
    return root


def _write_table(root: Path, name: str, rows: list) -> None:
    (root / VERSION / f'{name}.json').write_text(json.dumps(rows))
