import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_clouds.test_click_tables import write_ply

from erda.clouds.click_files import ClickClasses, click_values, find_click_files, is_filled_in, read_clicks
from erda.weak_labels.click_labels import ClickError

CLASSES = ClickClasses(['ground', 'tree', 'house'], {2: 0, 5: 1, 6: 2}, [0, 1])
CLOUDS = {name: Path('/data/tiles') / name for name in ('a.las', 'sub/b.las', 'x/c.npy', 'y/c.npy')}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(path, clouds=CLOUDS, classes=CLASSES):
    found = read_clicks([path], classes, clouds)
    return {name: [click[:3] for click in clicks] for name, clicks in found.clicks.items() if clicks}


def test_by_place_and_by_number(tmp_path):
    path = write(tmp_path / 'a.csv', 'file,x,y,z,class\na.las,1,2,3.5,tree\nsub\\b.las, 4,5,6, 6\n')
    assert read(path) == {'a.las': [(1, (1, 2, 3.5), None)], 'sub/b.las': [(2, (4, 5, 6), None)]}
    path = write(tmp_path / 'b.csv', 'file;index;x;y;z;class\na.las;7;1,5;2,5;3,5;ground\n')
    assert read(path) == {'a.las': [(0, (1.5, 2.5, 3.5), 7)]}
    rows = [dict(file='a.las', x=1, y=2, z=3, **{'class': 'tree'}), dict(file='a.las', index=4, **{'class': 2})]
    path = write(tmp_path / 'a.json', json.dumps(rows))
    assert read(path) == {'a.las': [(1, (1, 2, 3), None), (0, None, 4)]}


@pytest.mark.parametrize('said, label', [
    ('tree', 1), ('Tree', 1), (' TREE', 1), ('2', 0), ('2.000000', 0), ('6', 2), ('0', None), ('1', None), ('', None),
    ('nan', None)])
def test_classes_are_names_or_codes(tmp_path, said, label):
    path = write(tmp_path / 'a.csv', f'file,index,class\na.las,1,house\na.las,2,{said}\n')
    found = read_clicks([path], CLASSES, CLOUDS)
    assert [click.label for click in found.clicks['a.las']] == [2] + [label] * (label is not None)
    assert found.skipped == Counter({'a.las': 1} if label is None else {})


@pytest.mark.parametrize('said, message', [
    ('3', "line 2: unknown class '3'; the classes are ground (2), tree (5), house (6). Leave"),
    ('car', "line 2: unknown class 'car'; the classes are ground (2)"), ('?', "line 2: '?' is no name of a class"),
    ('-', "'-' is no name"), ('N/A', "'N/A' is no name of a class. Leave the class empty where you cannot tell."),
])
def test_unknown_classes(tmp_path, said, message):
    with pytest.raises(ClickError) as error:
        read(write(tmp_path / 'a.csv', f'file,index,class\na.las,1,{said}\n'))
    assert message in str(error.value) and str(tmp_path) in str(error.value)


def test_a_number_that_may_be_two_classes(tmp_path):
    path = write(tmp_path / 'a.csv', 'file,index,class\na.las,1,5\n')
    with pytest.raises(ClickError, match="5 is the name of a class and the code of 'tree'. Rename"):
        read(path, classes=ClickClasses(['5', 'tree'], {7: 0, 5: 1}))


@pytest.mark.parametrize('name, cloud', [
    ('a.las', 'a.las'), ('b.las', 'sub/b.las'), ('tiles/sub/b.las', 'sub/b.las'), ('/data/tiles/a.las', 'a.las'),
    ('x/c.npy', 'x/c.npy'), ('sub\\b.las', 'sub/b.las')])
def test_names_of_clouds(tmp_path, name, cloud):
    assert list(read(write(tmp_path / 'k.csv', f'file,index,class\n{name},1,tree\n'))) == [cloud]


@pytest.mark.parametrize('name, message', [
    ('c.npy', 'line 2: c.npy may be x/c.npy or y/c.npy. Write the folder, too.'),
    ('d.las', 'line 2: d.las is no file of any split, which has a.las, sub/b.las, x/c.npy, .... Correct the name, or'),
    ('', 'line 2: no value for file.')])
def test_names_of_no_cloud_or_two(tmp_path, name, message):
    with pytest.raises(ClickError) as error:
        read(write(tmp_path / 'k.csv', f'file,index,class\n{name},1,tree\n'))
    assert message in str(error.value)


def test_the_own_name_wins_over_the_end_of_another(tmp_path):
    clouds = {'a.las': Path('/t/a.las'), 'sub/a.las': Path('/t/sub/a.las')}
    path = write(tmp_path / 'k.csv', 'file,index,class\na.las,1,tree\nsub/a.las,2,tree\n')
    assert read(path, clouds) == {'a.las': [(1, None, 1)], 'sub/a.las': [(1, None, 2)]}


@pytest.mark.parametrize('name, cloud', [
    ('a.ply', 'a.las'), ('round_1_sub_b.las.suggested.ply', 'sub/b.las'), ('round_12_x_c.npy.suggested.ply', 'x/c.npy'),
    ('b - Cloud.ply', 'sub/b.las')])
def test_cloudcompare_has_no_column_file(tmp_path, name, cloud):
    assert read(write_ply(tmp_path / name, [5, 7], [5, 0])) == {cloud: [(1, (7e5, 6e6 + 0.25, 50.25), 5)]}
    text = write(tmp_path / name.replace('.ply', '.txt'), '//X Y Z index Classification\n1 2 3 5.0000 5.000000\n')
    assert read(text) == {cloud: [(1, (1, 2, 3), 5)]}


@pytest.mark.parametrize('name, message', [
    ('clicks.csv', 'line 2: there is no column file, and the name of the table has no name of a cloud in it. Add'),
    ('c.csv', 'c.csv may be x/c.npy or y/c.npy')])
def test_a_table_of_no_cloud(tmp_path, name, message):
    path = write(tmp_path / name, 'index,class\n1,tree\n')
    with pytest.raises(ClickError) as error:
        read(path)
    assert message in str(error.value)
    assert read(path, {'only.las': Path('only.las')}) == {'only.las': [(1, None, 1)]}


@pytest.mark.parametrize('text, message', [
    ('file,index\na.las,1\n', 'line 2: there is no column class'),
    ('file,x,y,class\na.las,1,1,tree\n', 'line 2: x, y and z belong together'),
    ('file,class\na.las,tree\n', 'line 2: a click needs x, y and z, or index'),
    ('file,x,y,z,class\na.las,1,1,up,tree\n', "line 2: z is 'up', not a number"),
    ('file,x,y,z,class\na.las,1,inf,1,tree\n', "line 2: y is 'inf', not a number"),
    ('file,index,class\na.las,1.5,tree\n', "line 2: index '1.5' is not a whole number"),
    ('file,index,class\na.las,-1,tree\n', "line 2: index '-1' is not a whole number"),
    ('file,index,class\n', 'no click at all.'), ('file,index,class\na.las,1,\n', 'no click at all: fill in'),
    ('', 'no click at all'),
])
def test_errors_name_file_and_line(tmp_path, text, message):
    with pytest.raises(ClickError) as error:
        read(write(tmp_path / 'a.csv', text))
    assert message in str(error.value) and str(tmp_path) in str(error.value)


def test_no_click_may_be_fine(tmp_path):
    path = write(tmp_path / 'a.csv', 'file,index,class\na.las,1,\n')
    assert read_clicks([path], CLASSES, CLOUDS, may_be_none=True).skipped == {'a.las': 1}


def test_rounds_are_found_in_their_order(tmp_path, caplog):
    header = 'file,index,class\n'
    for number in (10, 9, 1):
        write(tmp_path / f'clicks/round_{number}.csv', f'{header}a.las,{number},tree\n')
    write_ply(tmp_path / 'clicks/round_9_a.las.suggested.ply', [1], [float('nan')])
    write(tmp_path / 'clicks/notes.txt', 'about the clicks\nand more\n')
    write(tmp_path / 'clicks/picture.png', '')
    write(tmp_path / 'more.csv', f'{header}a.las,0,tree\n')
    for given, order in (([tmp_path / 'clicks'], [1, 9, 10]), ([tmp_path / 'clicks/*.csv'], [1, 9, 10]),
                         ([tmp_path / 'clicks', tmp_path / 'more.csv'], [1, 9, 10, 0]),
                         ([tmp_path / 'more.csv', tmp_path / 'clicks/round_10.csv', tmp_path / 'clicks'],
                          [0, 10, 1, 9]), ([tmp_path / 'coming'], [])):
        found = find_click_files(given)
        clicks = read_clicks(found, CLASSES, CLOUDS, may_be_none=True).clicks['a.las']
        assert [click.index for click in clicks] == order
        assert [click.round for click in clicks] == sorted(click.round for click in clicks)
    assert 'notes.txt has no class and place in each row: it is no table of clicks' in caplog.text
    for missing in ('nowhere.csv', 'no*where'):
        with pytest.raises(ClickError, match='does not exist. Name a file of clicks, a folder'):
            find_click_files([tmp_path / missing])


def test_a_classified_suggestion_counts_and_one_that_is_not_does_not(tmp_path):
    paths = [write_ply(tmp_path / f'round_1_{name}.suggested.ply', [5, 6], classes) for name, classes in
             (('a.las', [2, np.nan]), ('sub_b.las', [np.nan, np.nan]))]
    found = read_clicks(paths, CLASSES, CLOUDS)
    assert len(found.clicks['a.las']) == 1 and not found.clicks['sub/b.las'] and found.skipped == {'a.las': 1}


@pytest.mark.parametrize('other, filled', [
    ('round_1_a.las.suggested.ply', True), ('round_1_qgis.csv', True), ('round_10.csv', False), ('notes.md', False)])
def test_a_round_may_be_filled_in_beside_its_table(tmp_path, other, filled):
    table = write(tmp_path / 'round_1.csv', 'file,index,class\na.las,5,\na.las,6,\n')
    if other.endswith('.ply'):
        write_ply(tmp_path / other, [5, 6], [2, np.nan])
    else:
        write(tmp_path / other, 'file,index,class\na.las,5,ground\na.las,6,\n')
    assert is_filled_in(table) == filled
    if filled:
        found = read_clicks(find_click_files([tmp_path]), CLASSES, CLOUDS)
        assert [click[:3][0] for click in found.clicks['a.las']] == [0] and found.skipped == {'a.las': 1}


def test_values_as_they_are_written(tmp_path):
    one = write(tmp_path / '1.csv', 'file,index,class\na,1,tree\na,2,2.0\na,3,\na,4,tree\n')
    assert click_values([one]) == {'tree': 2, '2': 1}
    two = write(tmp_path / '2.csv', 'file,index,class\na,1,Tree\n')
    with pytest.raises(ClickError, match='tree and Tree may be one class or two. Write one of them everywhere'):
        click_values([one, two])
    with pytest.raises(ClickError, match="line 2: '.' is no name"):
        click_values([write(tmp_path / '3.csv', 'file,index,class\na,1,?\n')])
