"""Clicks of a folder as a training meets them."""
import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope

from erda.clouds import clicks as clouds_clicks
from erda.clouds.clicks import click_classes, folder_of_rounds
from erda.clouds.description import read_description
from erda.files.data_error import DataError

HEADER = 'file,index,class\n'


@pytest.fixture
def root(tmp_path):
    init_default_scope('mmdet3d')
    for name in ('a', 'b'):
        np.save(tmp_path / f'{name}.npy', np.column_stack([np.arange(50), np.zeros((50, 2))]))
    describe(tmp_path, 'clicks')
    return tmp_path


def describe(root, clicks, classes='ground: [2], tree: [5], house: [6]'):
    (root / 'erda.yaml').write_text(f'{{classes: {{{classes}}}, unlabelled: [0, 1], clicks: {clicks}, '
                                    'splits: {train: [a.npy, b.npy], val: [b.npy]}}')


def write(root, name, *rows):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(HEADER + ''.join(f'{row}\n' for row in rows))


def labels(root, split='train', number=0):
    dataset = DATASETS.build(dict(type='PointCloudFolderDataset', data_root=f'{root}/', split=split, pipeline=[],
                                  test_mode=split != 'train'))
    of_file = dataset.data_list[number]['point_cloud'].clicks
    return dict(zip(of_file.index.tolist(), of_file.label.tolist()))


@pytest.mark.parametrize('clicks', ['clicks', "'clicks/*.csv'", '[clicks/round_1.csv, clicks/round_2.csv]',
                                    '[clicks/round_1.csv, clicks, later]'])
def test_rounds(root, clicks):
    write(root, 'clicks/round_1.csv', 'a.npy,1,ground', 'a.npy,2,ground', 'b.npy,3,tree')
    write(root, 'clicks/round_2.csv', 'a.npy,2,tree', 'a.npy,7,house')
    describe(root, clicks)
    assert labels(root) == {1: 0, 2: 1, 7: 2} and labels(root, number=1) == {3: 1}


def test_contradictions_and_misses_are_said(root, monkeypatch):
    logged = []
    monkeypatch.setattr(clouds_clicks, 'print_log', lambda message, **_: logged.append(message))
    write(root, 'clicks/round_1.csv', 'a.npy,1,ground', 'a.npy,2,ground', 'a.npy,77,tree', 'a.npy,9,')
    write(root, 'clicks/round_2.csv', 'a.npy,2,tree', 'a.npy,5,5', 'a.npy,6,0')
    assert labels(root) == {1: 0, 2: 1, 5: 1}
    said = '\n'.join(logged)
    assert f"a.npy: the click 'tree' at point 77 ({root}/clicks/round_1.csv, line 4) hits no point." in said
    assert f"'tree' at point 2 ({root}/clicks/round_2.csv, line 2) replaces the earlier 'ground' at point 2" in said
    assert ['a.npy', '1', '2', '1', '0', '1', '2'] in [line.replace('│', ' ').split() for line in said.splitlines()]
    assert 'Classes without a click: house.' in said and 'Files without a click: 1.' in said
    with pytest.raises(DataError, match='clicks: no click labels a point of b.npy. Click there'):
        labels(root, 'val')


@pytest.mark.parametrize('classes, said, label', [
    ('ground: [2], tree: [5], house: [6]', '2', 0), ('ground: [], tree: [], house: []', '5', 1),
    ('roof: [], tree: [], house: []', '64', 0)])
def test_numbers_are_codes(root, classes, said, label):
    describe(root, 'clicks', classes)
    write(root, 'clicks/round_1.csv', f'a.npy,1,{said}')
    assert labels(root) == {1: label}


@pytest.mark.parametrize('rows, message', [
    (['a.npy,1,3'], "line 2: unknown class '3'; the classes are ground (2), tree (5), house (6)."),
    (['a.npy,1,'], 'no click at all: fill in the column "class".'), (['c.npy,1,tree'], 'c.npy is no file of any split'),
    (None, 'clicks has no table of clicks yet. Let points be suggested: python tools/suggest_points.py'),
])
def test_errors_are_sentences(root, rows, message):
    if rows is not None:
        write(root, 'clicks/round_1.csv', *rows)
    with pytest.raises(DataError) as error:
        labels(root)
    assert message in error.value.plain_message and str(root) in error.value.plain_message


def test_allowed_classes(root):
    assert click_classes(read_description(root / 'erda.yaml')).described() == 'ground (2), tree (5), house (6)'


@pytest.mark.parametrize('clicks, folder', [('clicks', 'clicks'), ('[one.csv, later]', 'later'), ("'r/*.csv'", 'r'),
                                            ('[one.csv, a, b]', 'b'), ('[a, one.csv]', 'a')])
def test_folder_of_the_next_round(root, clicks, folder):
    write(root, 'one.csv')
    describe(root, clicks)
    assert folder_of_rounds(read_description(root / 'erda.yaml')) == root / folder


def test_no_folder_for_the_next_round(root):
    write(root, 'one.csv')
    describe(root, 'one.csv')
    with pytest.raises(DataError, match=r'names no folder for clicks. Add one .* clicks: \[one.csv, clicks\].'):
        folder_of_rounds(read_description(root / 'erda.yaml'))
