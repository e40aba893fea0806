"""What a user meets first: a folder of files is looked at."""
import io

import numpy as np
import pytest
from rich.console import Console
from test_clouds.described_folders import start, write_csv, write_las, write_tiles

from erda.clouds.inspection import assumption_lines, field_table, inspect_folder, report_table
from erda.files.data_error import DataError

CLASSES = (1, 2, 5, 6, 7)


@pytest.fixture
def root(tmp_path):
    return write_tiles(tmp_path)


def test_report(root):
    report = inspect_folder(root)
    assert [(file.name, file.count) for file in report.files] == [('a.laz', 400), ('c.laz', 400), ('deep/b.las', 400)]
    assert report.label_field == 'classification' and report.is_las
    assert list(report.label_counts) == list(CLASSES) and sum(report.label_counts.values()) == 1200
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(report_table(report), field_table(report))
    text = console.export_text()
    assert 'deep/b.las' in text and '652000.' in text and 'gps_time' in text


def test_columns_of_bare_numbers(tmp_path):
    points = np.random.default_rng(0).uniform([-9, -9, 0, 0, 0], [9, 9, 4, 255, 1], (4200, 5)).astype('<f4')
    for name in ('a.bin', 'b.bin'):
        points.tofile(tmp_path / name)
    report = inspect_folder(tmp_path)
    assert [file.count for file in report.files] == [4200, 4200]
    assert assumption_lines(report) == ['a.bin and 1 more: it is read as 5 columns, x, y, z, intensity, column_5: no '
                                        'other number of them makes sense.']


def test_words_and_numbers_are_not_one_label(tmp_path):
    write_csv(tmp_path / 'a.csv', labels=(0, 1))
    (tmp_path / 'b.csv').write_text('x,y,z,label\n1,2,3,ground\n4,5,6,tree\n')
    with pytest.raises(DataError, match='label has words in some files and numbers in others'):
        inspect_folder(tmp_path)


@pytest.mark.parametrize('write, message', [
    (lambda root: None, 'holds no file'),
    (lambda root: (root / 'a.laz').write_bytes(b'LASF'), 'a.laz: it is no LAS file, or truncated'),
    (lambda root: (root / 'a.csv').write_text('x,y,z\n'), 'a.csv: it has no points'),
    (lambda root: (root / 'a.csv').write_text('x,y,z\n1,2,\n'), 'a.csv: 1 of the points 0 to 0 have NaN'),
    (lambda root: (root / 'a.csv').write_text('x,y,label\n1,2,3\n'), 'a.csv: there is no z'),
    (lambda root: write_csv(root / 'a.csv', 'xyz'), 'a.csv: no field of its points is a label .x, y, z alone'),
    (lambda root: write_csv(root / 'a.csv', labels=(-1, )), r'a.csv: no label at all: label is -1 \(300 points\)'),
    (lambda root: write_csv(root / 'a.csv', labels=(255, 4)), 'a.csv: label is 4 .*, 255 .*: one class alone'),
    (lambda root: (write_csv(root / 'a.csv'), write_csv(root / 'b.csv', 'xyz')), 'b.csv has no label field, but a.csv'),
    (lambda root: (write_csv(root / 'a.csv'), write_csv(root / 'b.csv', [*'xyz', 'class'])), 'different names'),
    (lambda root: (root / 'a.csv').write_text('file,class,index\n'), 'a.csv is a file of clicks'),
    (lambda root: (root / 'a.txt').write_bytes(b'\xff\xfe1\0'), 'a.txt: it is no text, or text in UTF-16'),
    (lambda root: (write_las(root / 'a.las', classes=(1, ))), 'a.las: no label at all'),
])
def test_bad_folders(tmp_path, write, message):
    write(tmp_path)
    with pytest.raises(DataError, match=message) as error:
        start(tmp_path)
    assert str(tmp_path) in str(error.value) and not (tmp_path / 'erda.yaml').exists()
