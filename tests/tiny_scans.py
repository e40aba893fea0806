"""Scans that are small enough to train on in a second."""
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).parents[1]


def write_scan(root: Path, sequence: str, frame: int, points: int = 1500) -> None:
    """A flat street of a few raw classes in bands of y, with a car on it; not realistic, but learnable."""
    rng = np.random.default_rng([int(sequence), frame])
    xyz = rng.uniform([-10, -10, -1.8], [10, 10, -1.6], (points, 3))
    labels = np.select([np.abs(xyz[:, 1]) < 3, np.abs(xyz[:, 1]) < 6, xyz[:, 1] > 8], [40, 48, 0], 72)
    xyz[labels == 72, 2] += rng.uniform(0, 0.5, (labels == 72).sum())
    car = slice(0, points // 15)
    xyz[car] = rng.uniform([2, -2, -1.6], [6, 0, 0], (points // 15, 3))
    labels[car] = 10
    remission = 0.01 * labels[:, None] % 1
    for folder, suffix, array in (('velodyne', 'bin', np.hstack([xyz, remission]).astype(np.float32)),
                                  ('labels', 'label', labels.astype(np.uint32) | 7 << 16)):
        path = root / 'sequences' / sequence / folder / f'{frame:06d}.{suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        array.tofile(path)
