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

from erda.clouds.cloud_files import PointCloudError, read_point_cloud
from erda.clouds.description import read_description
from erda.clouds.features import point_features
from erda.clouds.folder_dataset import class_ids
from erda.clouds.inspection import assumption_lines, field_table, inspect_folder, report_table
from erda.clouds.starter import write_starter
from erda.files.data_error import DataError
from erda.weak_labels.click_labels import ClickError

CLASSES = (1, 2, 5, 6, 7)


def write_las(path, seed=0, count=400, classes=CLASSES, intensity=1000, size=20, colour=1000):
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


def start(root, clicks=None, labels=None):
    starter = write_starter(inspect_folder(root, clicks, labels), clicks)
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
        inspect_folder(tmp_path, tmp_path / 'clicks.csv')
    init_default_scope('mmdet3d')
    names = ['x', 'y', 'z', 'intensity', 'time']
    report = inspect_folder(tmp_path, tmp_path / 'clicks.csv', columns=names)
    assert not assumption_lines(report) and set(report.files[0].fields) == {'intensity', 'time'}
    write_starter(report, tmp_path / 'clicks.csv', names)
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
    assert [path.name for path in starter.written] == ['erda.yaml', 'minkunet_erda.py'] and not starter.remarks


def test_nothing_is_overwritten(root):
    (root / 'erda.yaml').write_text('mine')
    starter = write_starter(inspect_folder(root))
    assert (root / 'erda.yaml').read_text() == 'mine' and [path.name for path in starter.kept] == ['erda.yaml']
    assert [path.name for path in starter.written] == ['minkunet_erda.py']
    (root / 'minkunet_erda.py').write_text('mine too')
    assert len(write_starter(inspect_folder(root)).kept) == 2
    assert (root / 'minkunet_erda.py').read_text() == 'mine too'


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
    write_csv(tmp_path / 'a.csv')
    description, _ = start(tmp_path)
    assert description.classes == {'class_1': [1], 'class_2': [2]} and description.unlabelled == (0, )
    (tmp_path / 'erda.yaml').unlink()
    write_csv(tmp_path / 'a.csv', ('x', 'y', 'z', 'gt'), (-1, 0, 3))
    description, _ = start(tmp_path, labels='gt')
    assert description.classes == {'class_0': [0], 'class_3': [3]} and description.unlabelled == (-1, )


def test_clicks(root):
    (root / 'clicks.csv').write_text('file,class,index\na.laz,ground,3\na.laz,tree,4\n')
    description, starter = start(root, root / 'clicks.csv')
    assert description.clicks == root / 'clicks.csv' and list(description.classes)[0] == 'ground'
    assert any('has the classes tree' in remark for remark in starter.remarks)


@pytest.mark.parametrize('names, classes', [
    (['wall', 'floor'], ['wall', 'floor']), (['0', '2'], ['class_0', 'class_1', 'class_2']),
])
def test_clicks_alone(tmp_path, names, classes):
    np.save(tmp_path / 'a.npy', np.random.default_rng(0).uniform(0, 6, (200, 3)))
    clicks = tmp_path / 'clicks.csv'
    clicks.write_text('file,class,index\n' + '\n'.join(f'a.npy,{name},{i}' for i, name in enumerate(names)))
    description, _ = start(tmp_path, clicks)
    assert list(description.classes) == classes and description.label_field is None
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(Config.fromfile(tmp_path / 'minkunet_erda.py').train_dataloader.dataset)
    assert (dataset.load_scan(0).labels >= 0).sum() == 2


@pytest.mark.parametrize('write, message', [
    (lambda root: None, 'holds no file'),
    (lambda root: (root / 'a.laz').write_bytes(b'LASF'), 'a.laz: it is no LAS file, or truncated'),
    (lambda root: (root / 'a.csv').write_text('x,y,z\n'), 'a.csv: it has no points'),
    (lambda root: (root / 'a.csv').write_text('x,y,z\n1,2,\n'), 'a.csv: 1 of the points 0 to 0 have NaN'),
    (lambda root: (root / 'a.csv').write_text('x,y,label\n1,2,3\n'), 'a.csv: there is no z'),
    (lambda root: write_csv(root / 'a.csv', 'xyz'), 'a.csv: no field of its points is a label .x, y, z alone'),
    (lambda root: write_csv(root / 'a.csv', labels=(0, )), r'a.csv: no label at all: label is 0 \(300 points\)'),
    (lambda root: write_csv(root / 'a.csv', labels=(0, 4)), 'a.csv: label is 0 .*, 4 .*: one class alone'),
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
        start(tmp_path, labels='gt')
    (tmp_path / 'clicks.csv').write_text('file,klass\na.csv,1\n')
    with pytest.raises(ClickError, match='clicks.csv, line 2: there is no column class'):
        start(tmp_path, tmp_path / 'clicks.csv')
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
