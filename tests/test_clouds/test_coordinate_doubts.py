import numpy as np
import pytest

from erda.clouds.coordinate_doubts import coordinate_doubts
from erda.clouds.inspection import inspect_folder

SQUARE = np.random.default_rng(0).uniform(0, 1, (500, 3))


@pytest.mark.parametrize('xyz, spacing, doubt', [
    (SQUARE * [0.01, 0.01, 30] + [2.35, 48.85, 90], 0.1, 'a.npy: x and y look like degrees'),
    (SQUARE * [0.01, 0.01, 30] + [-181, 48.85, 90], 0.1, None),
    (SQUARE * [0.3, 0.3, 1] + [1, 1, 0], 0.1, None),  # a small thing that was scanned
    ((SQUARE * 40 + [652000, 6862000, 0]).astype(np.float32), 0.1, 'float32 numbers, whose steps are 0.5 m so far'),
    (SQUARE * 40 + [652000, 6862000, 0], 0.1, None), ((SQUARE * 40).astype(np.float32), 0.1, None),
    (SQUARE, 0.3, 'Voxels of 0.2 m are smaller than the distance between points, about 0.3 m'), (SQUARE, 0.19, None),
])
def test_doubts(tmp_path, xyz, spacing, doubt):
    np.save(tmp_path / 'a.npy', xyz)
    found = coordinate_doubts(inspect_folder(tmp_path), spacing, 0.2, 'config.py')
    assert len(found) == (doubt is not None) and (doubt is None or doubt in found[0])
