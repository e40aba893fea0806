"""docs/tutorials/own_clouds.md from the files to the labelled files, with a short training."""
import re
import shutil

import laspy
import numpy as np
import pytest
from integration.command import run
from tiny_scans import REPOSITORY

REAL_TILES = REPOSITORY.parent / 'shared/data/ign_lidar_hd'


def generated_tiles(folder):
    """Two tiles in Lambert 93: ground, a house and trees, in ASPRS classes."""
    rng = np.random.default_rng(0)
    for number in range(2):
        n = 6000
        xyz = np.column_stack([rng.uniform(0, 30, (n, 2)), rng.normal(0, 0.05, n)])
        classification = np.full(n, 2)
        house = (np.abs(xyz[:, :2] - 10) < 5).all(axis=1)
        xyz[house, 2] += 6
        classification[house] = 6
        tree = np.hypot(*(xyz[:, :2] - [23, 22]).T) < 4
        xyz[tree, 2] += rng.uniform(2, 9, tree.sum())
        classification[tree] = 5
        las = laspy.create(point_format=6, file_version='1.4')
        las.header.scales, las.header.offsets = [0.001] * 3, [770000, 6277000, 0]
        las.x, las.y, las.z = (xyz + [770500 + 30 * number, 6277500, 20]).T
        las.classification, las.intensity = classification, rng.integers(100, 1000, n)
        las.write(folder / f'tile_{number}.laz')


@pytest.mark.parametrize('tiles', ['generated', 'real'])
def test_worked_example(tiles, tmp_path):
    folder, work, out = tmp_path / 'tiles', tmp_path / 'work', tmp_path / 'labelled'
    folder.mkdir()
    if tiles == 'generated':
        generated_tiles(folder)
    elif REAL_TILES.is_dir():
        for path in REAL_TILES.glob('*.laz'):
            shutil.copyfile(path, folder / path.name)
    else:
        pytest.skip(f'{REAL_TILES} is not there; the generated tiles go the same way')

    def succeeds(*command):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert 'erda.yaml' in succeeds('tools/prepare_data.py', 'folder', folder)
    description = folder / 'erda.yaml'
    text = re.sub(r'splits:\n(  .*\n)+', "splits:\n  train: ['*.laz']\n  val: ['*.laz']\n", description.read_text())
    description.write_text(text)
    clicks = ['--budget', 400, '-o', folder / 'clicks', '--simulate']
    assert '400 points to label' in succeeds('tools/suggest_points.py', folder, *clicks)
    description.write_text(text + 'clicks: clicks/suggested_points.csv\n')
    config = folder / 'minkunet_erda.py'
    succeeds('tools/train.py', config, '--work-dir', work, '--steps', 2)
    succeeds('tools/infer.py', config, work / 'iter_2.pth', folder, '-o', out, '--entropy')
    for source in folder.glob('*.laz'):
        before, after = laspy.read(source), laspy.read(out / source.name)
        assert len(before) == len(after) and np.array_equal(before.gps_time, after.gps_time)
        assert np.array_equal(before.X, after.X) and np.array_equal(before.intensity, after.intensity)
        assert set(np.unique(after.classification)) <= {2, 3, 4, 5, 6}
        assert after.confidence.min() > 0 and after.confidence.max() <= 1
        assert after.entropy.min() >= 0 and after.entropy.max() <= np.log(5) + 1e-5
