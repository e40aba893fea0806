"""What a user meets first: a folder of files is looked at, described and trained on."""
import io

import laspy
import numpy as np
import pytest
from integration.command import run
from mmdet3d.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from rich.console import Console

from erda.clouds.clicks import click_classes
from erda.clouds.cloud_files import PointCloudError, read_point_cloud
from erda.clouds.description import read_description
from erda.clouds.features import point_features
from erda.clouds.folder_dataset import class_ids
from erda.clouds.inspection import assumption_lines, field_table, inspect_folder, report_table
from erda.clouds.starter import Wishes, inspect_for, write_starter
from erda.files.data_error import DataError

CLASSES = (1, 2, 5, 6, 7)
LITTLE_NOISE = (1, 2, 5, 6) * 8 + (7, )
WORDS = ['ground', 'noise', 'rest', 'unlabelled']


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


@pytest.fixture
def root(tmp_path):
    for seed, name in enumerate(('a.laz', 'deep/b.las', 'c.laz')):
        write_las(tmp_path / name, seed)
    (tmp_path / '.hidden').mkdir()
    (tmp_path / '.hidden/d.laz').write_bytes(b'')
    (tmp_path / 'README.md').write_text('about')
    return tmp_path


def start(root, **wishes):
    wishes = Wishes(**wishes)
    starter = write_starter(inspect_for(root, wishes), wishes)
    return read_description(root / 'erda.yaml'), starter


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


@pytest.mark.parametrize('block_size', ['null', '9'])
def test_columns_that_are_given_are_those_of_the_training(tmp_path, block_size):
    points = np.random.default_rng(0).uniform(0, 9, (60, 5)).astype('<f4')
    points.tofile(tmp_path / 'a.bin')
    (tmp_path / 'clicks.csv').write_text('file,class,index\na.bin,road,3\na.bin,tree,59\n')
    with pytest.raises(DataError, match='a.bin: it can have 3 or 4 or 5 or 6 columns'):
        inspect_folder(tmp_path, [tmp_path / 'clicks.csv'])
    init_default_scope('mmdet3d')
    names = ['x', 'y', 'z', 'intensity', 'time']
    wishes = Wishes((tmp_path / 'clicks.csv', ), columns=names)
    report = inspect_for(tmp_path, wishes)
    assert not assumption_lines(report) and set(report.files[0].fields) == {'intensity', 'time'}
    write_starter(report, wishes)
    text = (tmp_path / 'erda.yaml').read_text()
    (tmp_path / 'erda.yaml').write_text(text.replace('block_size: null', f'block_size: {block_size}'))
    assert read_description(tmp_path / 'erda.yaml').columns == tuple(names)
    dataset = DATASETS.build(dict(type='PointCloudFolderDataset', data_root=str(tmp_path), split='train',
                                  pipeline=[dict(type='LoadPointCloudBlock')]))
    samples = [dataset[i] for i in range(len(dataset))]
    labels = np.concatenate([sample['pts_semantic_mask'] for sample in samples])
    assert len(labels) == 60 and sorted(labels)[:2] == [0, 1]


@pytest.mark.parametrize('block_size', ['null', '3'])
def test_words_are_class_names(tmp_path, block_size):
    rng, words = np.random.default_rng(0), ['ground', 'roof', 'unlabelled', 'noise', '']
    labels = rng.choice(words, 300)
    rows = [f'{x:.3f},{y:.3f},{z:.3f},{label}' for (x, y, z), label in zip(rng.uniform(0, 6, (300, 3)), labels)]
    (tmp_path / 'a.csv').write_text('\n'.join(['x,y,z,class', *rows]))
    report = inspect_folder(tmp_path)
    assert report.label_counts == {word: (labels == word).sum() for word in words[:4]}
    assert assumption_lines(report) == [f'a.csv: {(labels == "").sum()} points with nothing in the field class are '
                                        'unlabelled.']
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(field_table(report))
    assert 'words' in console.export_text()
    description, _ = start(tmp_path)
    assert description.classes == {'ground': ['ground'], 'roof': ['roof']}
    assert description.unlabelled == ('unlabelled', ) and description.void == ('noise', )
    assert description.codes() == [2, 64] and click_classes(description).described() == 'ground (2), roof (64)'
    text = (tmp_path / 'erda.yaml').read_text()
    (tmp_path / 'erda.yaml').write_text(text.replace('block_size: null', f'block_size: {block_size}'))
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(dict(type='PointCloudFolderDataset', data_root=str(tmp_path), split='train',
                                  pipeline=[dict(type='LoadPointCloudBlock')]))
    found = np.concatenate([dataset[i]['pts_semantic_mask'] for i in range(len(dataset))])
    expected = np.select([labels == word for word in ('ground', 'roof', 'noise')], [0, 1, 2], 3)
    assert sorted(found) == sorted(expected)
    (tmp_path / 'a.csv').write_text('x,y,z,class\n1,2,3,ground\n4,5,6,tree\n')
    with pytest.raises(DataError, match='label value tree of class is not in erda.yaml'):
        DATASETS.build(dict(type='PointCloudFolderDataset', data_root=str(tmp_path), split='train',
                            pipeline=[dict(type='LoadPointCloudBlock')]))[0]


@pytest.mark.parametrize('wishes, classes, unlabelled', [
    (dict(unlabelled=('rest', )), ['ground', 'unlabelled'], ('rest', )), (dict(codes='as-they-are'), WORDS, ()),
    (dict(codes='asprs'), ['ground', 'rest'], ('unlabelled', ))])
def test_words_are_said_to_be_no_class(tmp_path, wishes, classes, unlabelled):
    (tmp_path / 'a.csv').write_text('\n'.join(['x,y,z,class', *(f'1,2,3,{word}' for word in WORDS)]))
    description, starter = start(tmp_path, **wishes)
    assert list(description.classes) == classes and description.unlabelled == unlabelled
    assert not any('table of LAS' in remark for remark in starter.remarks)
    (tmp_path / 'erda.yaml').unlink()
    with pytest.raises(DataError, match='--unlabelled void: no point has this label'):
        start(tmp_path, unlabelled=('void', ))


def test_words_and_numbers_are_not_one_label(tmp_path):
    write_csv(tmp_path / 'a.csv', labels=(0, 1))
    (tmp_path / 'b.csv').write_text('x,y,z,label\n1,2,3,ground\n4,5,6,tree\n')
    with pytest.raises(DataError, match='label has words in some files and numbers in others'):
        inspect_folder(tmp_path)


def test_nan_among_labels_is_unlabelled(tmp_path):
    labels = np.array([1, 2, np.nan, 2, np.nan])
    np.savez(tmp_path / 'a.npz', xyz=np.random.default_rng(0).uniform(0, 6, (5, 3)), labels=labels)
    report = inspect_folder(tmp_path)
    assert report.label_counts == {1: 1, 2: 2}
    assert assumption_lines(report) == ['a.npz: 2 points with nothing in the field labels are unlabelled.']
    description, _ = start(tmp_path)
    assert class_ids(labels, description, tmp_path).tolist() == [0, 1, 3, 1, 3]


@pytest.mark.parametrize('names, feature', [
    ('X Y Z R G B', True), ('x y z r g b', True), ('x y z Rf Gf Bf', True), ('x y z Red Green Blue', True),
    ('x y z scalar_R scalar_G scalar_B', True), ('x y z r s t', False)])
def test_colours_have_many_names(tmp_path, names, feature):
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.uniform(0, 6, (50, 3)), rng.integers(0, 250, (50, 3)), np.arange(50) % 2 + 1])
    np.savetxt(tmp_path / 'a.txt', table, '%.6g', header=f'{names} labels', comments='')
    description, _ = start(tmp_path)
    assert ('rgb' in description.features) == feature
    cloud = read_point_cloud(tmp_path / 'a.txt')
    if feature:
        np.testing.assert_allclose(point_features(cloud, ['rgb'], {'rgb': 255}), table[:, 3:6] / 255, rtol=1e-6)


def test_words_are_no_feature(tmp_path):
    (tmp_path / 'a.txt').write_text('x y z intensity labels\n1 2 3 low 1\n4 5 6 high 2\n')
    assert start(tmp_path)[0].features == ('height_above_ground', )
    with pytest.raises(PointCloudError, match="the field 'intensity' has words, not numbers. Leave it out"):
        point_features(read_point_cloud(tmp_path / 'a.txt'), ['intensity'], {})


def test_las_classes_have_their_names(root):
    description, starter = start(root)
    assert description.classes == {'ground': [2], 'high_vegetation': [5], 'building': [6]}
    assert description.unlabelled == (1, ) and description.void == (7, )
    assert description.features == ('rgb', 'intensity', 'height_above_ground')
    assert 900 <= description.scale['intensity'] <= 1000 and description.scale['rgb'] == 65535
    assert description.splits == {'train': ['a.laz', 'c.laz'], 'val': ['deep/b.las']}
    assert [path.name for path in starter.written] == ['erda.yaml', 'minkunet_erda.py']
    assert str(root) not in ''.join(path.read_text() for path in starter.written)


def test_nothing_is_overwritten(root):
    (root / 'erda.yaml').write_text('mine')
    starter = write_starter(inspect_folder(root), Wishes())
    assert (root / 'erda.yaml').read_text() == 'mine' and [path.name for path in starter.kept] == ['erda.yaml']
    assert [path.name for path in starter.written] == ['minkunet_erda.py']
    (root / 'minkunet_erda.py').write_text('mine too')
    assert len(write_starter(inspect_folder(root), Wishes()).kept) == 2
    assert (root / 'minkunet_erda.py').read_text() == 'mine too'
    for wishes, said in ((Wishes(), False), (Wishes(splits=dict(train=[], val=[])), False),
                         (Wishes(classes=('a', 'b')), True), (Wishes(splits=dict(val=['*'])), True),
                         (Wishes(unlabelled=(0, )), True)):
        remarks = write_starter(inspect_folder(root), wishes).remarks
        assert any('erda.yaml stays as it is' in remark for remark in remarks) == said


def test_names_stay_readable(tmp_path):
    write_las(tmp_path / 'a.las', classes=(0, ))
    start(tmp_path, classes=('bâti', 'forêt'))
    assert '\n  bâti: [64]\n' in (tmp_path / 'erda.yaml').read_text(encoding='utf-8')


def test_features_that_say_nothing_are_left_out(tmp_path):
    write_las(tmp_path / 'a.las', intensity=1, colour=1)
    description, starter = start(tmp_path)
    assert description.features == ('height_above_ground', )
    assert any('colours' in remark for remark in starter.remarks)
    assert description.splits['train'] == description.splits['val'] and any('Valid' in text for text in starter.remarks)


def test_eight_bit_colours_in_sixteen_bits(tmp_path):
    write_las(tmp_path / 'a.las', colour=256)
    assert start(tmp_path)[0].scale['rgb'] == 255


def test_large_files_get_blocks(tmp_path):
    write_las(tmp_path / 'a.las', size=300)
    description, _ = start(tmp_path)
    assert description.block_size == 50 and description.overlap == 5


def test_labels_of_other_files(tmp_path):
    write_csv(tmp_path / 'a.csv', ('x', 'y', 'z', 'gt'), (-1, 0, 3))
    description, _ = start(tmp_path, label_field='gt')
    assert description.classes == {'class_0': [0], 'class_3': [3]} and description.unlabelled == (-1, )


def test_clicks_beside_labels_that_stay(root):
    (root / 'clicks.csv').write_text('file,class,index\na.laz,Ground,3\na.laz,roof,4\na.laz,5,5\n')
    description, _ = start(root, clicks=(root / 'clicks.csv', ), label_field='classification')
    assert description.label_field == 'classification' and description.clicks == (root / 'clicks.csv', root / 'clicks')
    assert description.classes == {'ground': [2], 'high_vegetation': [5], 'building': [6], 'roof': [64]}


@pytest.mark.parametrize('names, classes', [
    (['wall', 'floor'], {'wall': [64], 'floor': [65]}), (['0', '2'], {'class_0': [0], 'class_2': [2]}),
])
def test_clicks_alone(tmp_path, names, classes):
    np.save(tmp_path / 'a.npy', np.random.default_rng(0).uniform(0, 6, (200, 3)))
    clicks = tmp_path / 'clicks.csv'
    clicks.write_text('file,class,index\n' + '\n'.join(f'a.npy,{name},{i}' for i, name in enumerate(names)))
    description, _ = start(tmp_path, clicks=(clicks, ))
    assert description.classes == classes and description.label_field is None
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(Config.fromfile(tmp_path / 'minkunet_erda.py').train_dataloader.dataset)
    assert (dataset.load_scan(0).labels >= 0).sum() == 2


@pytest.mark.parametrize('codes', ['zeros', 'ground'])
def test_clicks_decide_the_classes_of_files_that_nobody_labelled(tmp_path, codes):
    for name in 'ab':
        write_las(tmp_path / f't/{name}.las', classes=(0, ) if codes == 'zeros' else (1, 2))
    (tmp_path / 'clicks.csv').write_text('file,index,class\na.las,1,ground\na.las,2,roof\na.las,3,tree\n')
    description, starter = start(tmp_path / 't', clicks=(tmp_path / 'clicks.csv', ))
    assert description.classes == {'ground': [2], 'roof': [64], 'tree': [5]} and description.label_field is None
    assert '\n  - ../clicks.csv\n  - clicks\n' in (tmp_path / 't/erda.yaml').read_text()
    assert 'labelled files get free ones: roof 64.' in ' '.join(starter.remarks)
    assert ('--labels classification' in ' '.join(starter.remarks)) == (codes == 'ground')


@pytest.mark.parametrize('rows, suffix, codes, classes, note', [
    ('2 6 5', 'las', None, {'ground': [2], 'building': [6], 'high_vegetation': [5]}, ''),
    ('2 6 0 1', 'las', None, {'ground': [2], 'building': [6]}, 'Clicks of class 0, 1 (2 of them) label nothing'),
    ('Ground 2 6', 'las', None, {'Ground': [2], 'building': [6]}, ''),
    ('2 70', 'las', None, {'ground': [2], 'class_70': [70]}, ''),
    ('1 2', 'las', 'as-they-are', {'class_1': [1], 'class_2': [2]}, ''),
    ('0 1 2', 'npy', None, {'class_0': [0], 'class_1': [1], 'class_2': [2]}, '0 is a class of the clicks (1 of them)'),
    ('2 6', 'npy', 'asprs', {'ground': [2], 'building': [6]}, ''),
])
def test_numbers_of_clicks_are_codes(tmp_path, rows, suffix, codes, classes, note):
    if suffix == 'las':
        write_las(tmp_path / 'a.las', classes=(0, ))
    else:
        np.save(tmp_path / 'a.npy', np.random.default_rng(0).uniform(0, 6, (200, 3)))
    clicks = tmp_path / 'clicks.csv'
    clicks.write_text('file,index,class\n' + ''.join(f'a.{suffix},{i},{row}\n' for i, row in enumerate(rows.split())))
    description, starter = start(tmp_path, clicks=(clicks, ), codes=codes)
    assert description.classes == classes and note in ' '.join(starter.remarks)


def test_names_and_codes_of_listed_classes(tmp_path):
    """A table has names, a cloud from CloudCompare has codes."""
    np.save(tmp_path / 'a.npy', np.random.default_rng(0).uniform(0, 6, (200, 3)))
    clicks = tmp_path / 'clicks.csv'
    clicks.write_text('index,class\n1,roof\n2,64\n3,2\n4,1\n')
    description, _ = start(tmp_path, clicks=(clicks, ), classes=('ground', 'roof', '1'))
    assert description.classes == {'ground': [2], 'roof': [64], '1': [65]}
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(Config.fromfile(tmp_path / 'minkunet_erda.py').train_dataloader.dataset)
    assert dataset.load_scan(0).labels[:5].tolist()[1:] == [1, 1, 0, 2]


def test_old_point_formats_get_codes_that_fit(tmp_path):
    las = laspy.create(point_format=3, file_version='1.2')
    las.xyz = np.random.default_rng(0).uniform(0, 9, (300, 3))
    las.write(tmp_path / 'a.las')
    description, starter = start(tmp_path, classes=('roof', 'ground', 'facade'))
    assert description.classes == {'roof': [13], 'ground': [2], 'facade': [14]}
    assert '(point formats below 6 end at 31): roof 13, facade 14.' in ' '.join(starter.remarks)


def test_the_walk_from_files_without_a_label(tmp_path, monkeypatch):
    for name in ('a1', 'a2', 'b1', 'c'):
        write_las(tmp_path / f't/{name}.las', classes=(0, ))
    monkeypatch.chdir(tmp_path)
    given = dict(train=['a*.las'], val=['t/b1.las'])
    description, _ = start(tmp_path / 't', classes=('ground', 'roof'), splits=given)
    assert description.clicks == (tmp_path / 't/clicks', ) and description.label_field is None
    assert description.splits == {'train': ['a*.las'], 'val': ['b1.las']}
    (tmp_path / 't/erda.yaml').unlink()
    description, starter = start(tmp_path / 't', classes=('ground', 'roof'), splits=dict(train=[], val=['b*']),
                                 clicks=(tmp_path / 't/rounds', ))
    assert description.splits == {'train': ['a1.las', 'a2.las', 'c.las'], 'val': ['b*']}
    assert description.clicks == (tmp_path / 't/rounds', )
    assert not any('Validation uses training files' in remark for remark in starter.remarks)


@pytest.mark.parametrize('wishes, message', [
    (dict(classes=('ground', )), '--classes: 1 class .ground.; at least two are needed'),
    (dict(classes=('ground', 'roof'), splits=dict(val=['*.laz'])), '--val .*: this is no point cloud in .*It has a'),
    (dict(classes=('ground', 'roof'), splits=dict(train=['/else/*.las'])), '--train /else/.*: this is no point cloud'),
    (dict(classes=('ground', 'wall'), clicks=('c.csv', )), "clicks have the class 'roof', but --classes has ground"),
    (dict(clicks=('mixed.csv', )), r'The classes of the clicks are names \(roof\) and numbers \(2\)'),
    (dict(clicks=('numbers.csv', ), classes=('ground', 'roof')), r'class 7, but --classes has ground \(2\), roof \(64'),
    (dict(clicks=('coming', )), 'coming: 0 classes .none.; at least two are needed. Name all of them with --classes'),
    (dict(clicks=('missing.csv', )), 'missing.csv does not exist. Name a file'),
])
def test_wishes_that_cannot_be(tmp_path, wishes, message):
    (tmp_path / 't').mkdir()
    np.save(tmp_path / 't/a.npy', np.random.default_rng(0).uniform(0, 6, (200, 3)))
    for name, rows in (('c', ('ground', 'roof')), ('mixed', ('2', 'roof')), ('numbers', ('2', '7'))):
        (tmp_path / f'{name}.csv').write_text('index,class\n' + ''.join(f'1,{row}\n' for row in rows))
    wishes = {**wishes, 'clicks': tuple(tmp_path / name for name in wishes.get('clicks', ()))}
    with pytest.raises(DataError, match=message):
        start(tmp_path / 't', **wishes)
    assert not (tmp_path / 't/erda.yaml').exists()


@pytest.mark.parametrize('field, labels, wishes, classes, unlabelled, notes', [
    ('label', (0, 1, 2), {}, [0, 1, 2], (), ['0 (', 'of label is a class. If nobody labelled these points']),
    ('label', (0, 1, 2), dict(unlabelled=(0, )), [1, 2], (0, ), ['of label is unlabelled (as you say)']),
    ('class', (-1, 1, 2, 255), {}, [1, 2], (-1, 255), ['-1 (', '255 (', 'unlabelled (by custom). Otherwise']),
    ('class', (-1, 1, 255), dict(unlabelled=()), [-1, 1, 255], (), []),
    ('class', (1, 255), dict(codes='as-they-are'), [1, 255], (), []),
])
def test_each_assumption_on_labels_is_said(tmp_path, field, labels, wishes, classes, unlabelled, notes):
    write_csv(tmp_path / 'a.csv', (*'xyz', field), labels)
    description, starter = start(tmp_path, **wishes)
    assert [value for value, in description.classes.values()] == classes and description.unlabelled == unlabelled
    assert all(note in ' '.join(starter.remarks) for note in notes)


@pytest.mark.parametrize('codes, doubt', [
    ([1, 2, 3, 7, 8], '8 is a rare model key point there, but has'), ([2, 5, 30], '30 is no class there'),
    ([3, 5, 6], 'there is no ground .2., but 3, 5, 6'), ([2, 5, 7], '7 and 18 are noise there, but have'),
])
def test_codes_that_do_not_look_like_those_of_las(tmp_path, codes, doubt):
    write_las(tmp_path / 'a.las', classes=codes)
    with pytest.raises(DataError, match=f'do not look like .*{doubt}.*--codes asprs .*--codes as-they-are'):
        start(tmp_path)
    description, _ = start(tmp_path, codes='as-they-are')
    assert description.classes == {f'class_{code}': [code] for code in codes} and not description.void
    (tmp_path / 'erda.yaml').unlink()
    description, starter = start(tmp_path, codes='asprs')
    assert (7 in codes) == (description.void == (7, ))
    assert any('--codes as-they-are makes a class of each' in remark for remark in starter.remarks)


def test_overlap_and_noise_are_no_classes_of_las(tmp_path):
    write_las(tmp_path / 'a.las', classes=(2, ) * 30 + (5, ) * 60 + (1, 7, 12))
    description, starter = start(tmp_path)
    assert list(description.classes) == ['ground', 'high_vegetation']
    assert description.unlabelled == (1, 12) and description.void == (7, )
    said = '\n'.join(starter.remarks)
    for words in ('is unlabelled (overlap)', 'is unlabelled (unclassified)', 'is void, which nobody learns from (low'):
        assert words in said


def test_zero_of_semantickitti_is_unlabelled(tmp_path):
    rng = np.random.default_rng(0)
    rng.uniform(-9, 9, (300, 4)).astype('<f4').tofile(tmp_path / 'a.bin')
    rng.choice([0, 1, 2], 300).astype('<u4').tofile(tmp_path / 'a.label')
    description, starter = start(tmp_path)
    assert description.unlabelled == (0, ) and 'unlabelled (as in SemanticKITTI)' in ' '.join(starter.remarks)


def test_a_class_is_preferred_to_what_may_be_an_instance(tmp_path):
    write_csv(tmp_path / 'a.csv', (*'xyz', 'label', 'class'), (1, 2))
    description, starter = start(tmp_path)
    assert description.label_field == 'class'
    assert 'Labels are those of class; label is not used. Otherwise: --labels label.' in starter.remarks


def test_colours_of_eight_and_of_sixteen_bits(tmp_path):
    for name, colour in (('a', 256), ('b', 65536)):
        write_las(tmp_path / f'{name}.las', colour=colour, seed=3)
    description, starter = start(tmp_path)
    assert 'rgb' not in description.scale and any('another depth in a.las than' in each for each in starter.remarks)
    init_default_scope('mmdet3d')
    for split in ('train', 'val'):
        dataset = DATASETS.build(dict(type='PointCloudFolderDataset', data_root=f'{tmp_path}/', split=split,
                                      pipeline=[dict(type='LoadPointCloudBlock')]))
        colours = dataset[0]['points'].tensor[:, 3]
        assert 0.9 < colours.max() <= 1 and colours.mean() > 0.3


@pytest.mark.parametrize('names', [('Ground', 'ground'), ('low vegetation', 'low_vegetation')])
def test_one_class_in_two_ways(tmp_path, names):
    np.save(tmp_path / 'a.npy', np.random.default_rng(0).uniform(0, 6, (200, 3)))
    start(tmp_path, classes=('one', 'two', 'three'))
    path = tmp_path / 'erda.yaml'
    path.write_text(path.read_text().replace('one:', f'{names[0]}:').replace('two:', f'{names[1]}:'))
    with pytest.raises(DataError, match=f'{names[0]} and {names[1]} may be one class or two'):
        read_description(path)


def test_a_moved_checkout_does_not_break_the_config(root):
    start(root)
    text = (root / 'minkunet_erda.py').read_text()
    assert "_base_ = ['erda::_base_/minkunet_erda_folder.py']" in text and 'site-packages' not in text
    assert Config.fromfile(root / 'minkunet_erda.py').model.type == 'MinkUNet'


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


def test_bad_options(tmp_path):
    write_csv(tmp_path / 'a.csv')
    with pytest.raises(DataError, match="a.csv: there is no field 'gt'"):
        start(tmp_path, label_field='gt')
    (tmp_path / 'clicks.csv').write_text('file,klass\na.csv,1\n')
    with pytest.raises(DataError, match='clicks.csv, line 2: there is no column class'):
        start(tmp_path, clicks=(tmp_path / 'clicks.csv', ))
    with pytest.raises(DataError, match='is not a folder'):
        inspect_folder(tmp_path / 'nowhere')


def test_command_and_a_step_of_training(root):
    done = run('tools/prepare_data.py', 'folder', root)
    assert done.returncode == 0, done.stderr
    assert f'Next: look through {root}/erda.yaml, then python tools/train.py {root}/minkunet_erda.py' in done.stdout

    init_default_scope('mmdet3d')
    cfg = Config.fromfile(root / 'minkunet_erda.py')
    assert cfg.model.backbone.in_channels == 8 and cfg.model.decode_head.num_classes == 3
    cfg.model.backbone.update(base_channels=2, encoder_channels=[2] * 4, decoder_channels=[2] * 4)
    cfg.model.decode_head.channels = 2
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    model = MODELS.build(cfg.model)
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    losses = model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert losses['loss_sem_seg'] > 0
    batch = next(iter(Runner.build_dataloader(cfg.val_dataloader)))
    sample, = model.eval().val_step(batch)
    assert sample.pred_pts_seg.pts_semantic_mask.shape == (400, )
    assert Config.fromstring(cfg.pretty_text, '.py').model == cfg.model
