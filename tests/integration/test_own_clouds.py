"""docs/tutorials/own_clouds.md from the files to the labelled files, with a short training."""
import csv
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


def succeeds(*command):
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_files_without_a_label(tmp_path):
    """Nobody opens an editor but for the column of classes."""
    folder, out = tmp_path / 'tiles', tmp_path / 'labelled'
    folder.mkdir()
    generated_tiles(folder)
    truth = {}
    for path in folder.glob('*.laz'):
        las = laspy.read(path)
        truth[path.name] = np.array(las.classification)
        las.classification[:] = 0
        las.write(path)
    said = succeeds('tools/prepare_data.py', 'folder', folder, '--classes', 'ground,roof,tree', '--train', 'tile_0.laz',
                    '--val', 'tile_1.laz')
    assert f'Next: python tools/label.py {folder}, ' in said
    assert f'python tools/suggest_points.py {folder} --budget 200' in said
    said = succeeds('tools/suggest_points.py', folder, '--budget', 60)
    assert 'with one of: ground (2), roof (64), tree (5).' in said
    table = folder / 'clicks/round_1.csv'
    with table.open(newline='') as file:
        rows = list(csv.DictReader(file))
    names = {2: 'ground', 6: 'roof', 5: 'tree'}
    with table.open('w', newline='', encoding='utf-16') as file:  # as a spreadsheet may
        writer = csv.DictWriter(file, rows[0], delimiter=';')
        writer.writeheader()
        writer.writerows({**row, 'class': names[truth[row['file']][int(row['index'])]]} for row in rows)
    said = succeeds('tools/train.py', folder / 'minkunet_erda.py', '--work-dir', tmp_path / 'work', '--steps', 2)
    assert 'Labelled points' in said and 'hits no point' not in said
    infer = 'tools/infer.py', folder / 'minkunet_erda.py', tmp_path / 'work/iter_2.pth', folder, '-o'
    said = succeeds(*infer, out)
    assert f'The clicks of the training count as well, to the power 0.5: {folder / "clicks"}.' in said
    alone = tmp_path / 'network_alone'
    assert 'count as well' not in succeeds(*infer, alone, '--prior-exponent', 0)
    confidence = [laspy.read(labelled / 'tile_0.laz').confidence for labelled in (out, alone)]
    assert confidence[0].mean() > confidence[1].mean() + 0.1, 'a network of two steps knows less than the clicks'
    assert (out / 'classes.csv').read_text() == 'code,class\n2,ground\n5,tree\n64,roof\n'
    assert set(np.unique(laspy.read(out / 'tile_1.laz').classification)) <= {2, 64, 5}


@pytest.mark.parametrize('tiles', ['generated', 'real'])
def test_worked_example(tiles, tmp_path):
    folder, work, out = tmp_path / 'tiles', tmp_path / 'work', tmp_path / 'labelled'
    folder.mkdir()
    if tiles == 'generated':
        generated_tiles(folder)
    elif REAL_TILES.is_dir():
        for path in REAL_TILES.glob('tile_*_627755.laz'):
            shutil.copyfile(path, folder / path.name)
    else:
        pytest.skip(f'{REAL_TILES} is not there; the generated tiles go the same way')
    succeeds('tools/prepare_data.py', 'folder', folder, '--labels', 'classification', '--clicks', folder / 'clicks',
             '--train', '*.laz', '--val', '*.laz')
    assert '400 points to label' in succeeds('tools/suggest_points.py', folder, '--budget', 400, '--simulate')
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
