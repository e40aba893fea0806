"""Folders of small files, looked at and described as ``prepare_data.py folder`` does it."""
import laspy
import numpy as np

from erda.clouds.description import read_description
from erda.clouds.starter import Wishes, inspect_for, write_starter

LITTLE_NOISE = (1, 2, 5, 6) * 8 + (7, )


def write_las(path, seed=0, count=400, classes=LITTLE_NOISE, intensity=1000, size=20, colour=1000):
    rng = np.random.default_rng(seed)
    header = laspy.LasHeader(point_format=7, version='1.4')
    header.offsets, header.scales = [652000, 6862000, 0], [0.001] * 3
    las = laspy.LasData(header)
    las.xyz = [652000.001, 6862000, 30] + rng.uniform(0, (size, size, 4), (count, 3))
    las.classification = rng.choice(classes, count)
    las.intensity = rng.integers(0, intensity, count) if intensity > 1 else np.zeros(count)
    las.red = las.green = las.blue = rng.integers(0, colour, count)
    path.parent.mkdir(exist_ok=True)
    las.write(path)


def write_csv(path, names=('x', 'y', 'z', 'label'), labels=(0, 1, 2), count=300):
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.uniform(0, 6, (count, 3)), rng.choice(labels, (count, len(names) - 3))])
    np.savetxt(path, table, delimiter=',', header=','.join(names), comments='', fmt='%.6g')


def write_tiles(folder):
    """Three tiles, one below, and what is none."""
    for seed, name in enumerate(('a.laz', 'deep/b.las', 'c.laz')):
        write_las(folder / name, seed)
    (folder / '.hidden').mkdir()
    (folder / '.hidden/d.laz').write_bytes(b'')
    (folder / 'README.md').write_text('about')
    return folder


def write_files_of(description, folder):
    """A tile, of all classes, for each file that a description names."""
    for seed, name in enumerate(sum(read_description(description).splits.values(), [])):
        write_las(folder / name, seed, classes=(2, 3, 4, 5, 6))
    return folder


def start(root, **wishes):
    wishes = Wishes(**wishes)
    starter = write_starter(inspect_for(root, wishes), wishes)
    return read_description(root / 'erda.yaml'), starter
