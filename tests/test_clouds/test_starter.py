"""The files that a folder begins with, described and trained on."""
import laspy
import numpy as np
import pytest
from integration.command import run
from mmdet3d.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from test_clouds.described_folders import start, write_csv, write_las, write_tiles

from erda.clouds.cloud_files import PointCloudError, read_point_cloud
from erda.clouds.description import read_description
from erda.clouds.features import point_features
from erda.clouds.inspection import assumption_lines, inspect_folder
from erda.clouds.starter import Wishes, inspect_for, write_starter
from erda.files.data_error import DataError


@pytest.fixture
def root(tmp_path):
    return write_tiles(tmp_path)


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


@pytest.mark.parametrize('per_square_metre, block_size', [(4, 50), (1, 100)])
def test_large_files_get_blocks(tmp_path, per_square_metre, block_size):
    write_las(tmp_path / 'a.las', size=300, count=per_square_metre * 300 ** 2)
    description, _ = start(tmp_path)
    assert description.block_size == block_size and description.overlap == block_size / 10


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
    assert "_base_ = ['erda::_base_/minkunet_erda_folder.py', 'erda::_base_/methods/erda_plus_few_files.py']" in text
    assert 'site-packages' not in text
    cfg = Config.fromfile(root / 'minkunet_erda.py')
    assert cfg.model.type == 'MinkUNet' and cfg.model.decode_head.prior_exponent > 0
    assert 'SecondViewHook' in [hook.type for hook in cfg.custom_hooks]


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
    model.decode_head.set_class_weights([1.0, 1.0, 1.0])  # as WeakClassWeightHook does when a training begins
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    losses = model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert losses['loss_sem_seg'] > 0
    batch = next(iter(Runner.build_dataloader(cfg.val_dataloader)))
    sample, = model.eval().val_step(batch)
    assert sample.pred_pts_seg.pts_semantic_mask.shape == (400, )
    assert Config.fromstring(cfg.pretty_text, '.py').model == cfg.model
