"""Public data sets by their descriptions: each is consistent, and files like theirs are prepared and trained on."""
import laspy
import numpy as np
import pytest
import yaml
from integration.command import run
from mmdet3d.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from test_clouds.described_folders import start

from erda.clouds.description import ABOUT, read_description
from erda.clouds.public_sets import FOLDER, missing_files, public_description, public_sets
from erda.clouds.starter import Wishes, inspect_for
from erda.files.data_error import DataError

COUNT, SIZE = 240, (6, 6, 3)
UTM = np.array([627285.25, 4841948.5, 120])  # float32 numbers are half a metre apart there
COLOURS = [('red', 'u1'), ('green', 'u1'), ('blue', 'u1')]
XYZ32, XYZ64 = ([(axis, kind) for axis in 'xyz'] for kind in ('<f4', '<f8'))
# Name of the data set -> element and properties of its PLY files.
PLY = {
    'sensaturban': ('vertex', [*XYZ32, *COLOURS, ('class', 'u1')]),
    'toronto_3d': ('vertex', [*XYZ64, *COLOURS, *((f'scalar_{name}', '<f4') for name in (
        'Intensity', 'GPSTime', 'ScanAngleRank', 'Label'))]),
    'dales_objects': ('testing', [*XYZ32, ('intensity', '<u2'), ('sem_class', '<i4'), ('ins_class', '<i4')]),
}
NAMES = {'u1': 'uchar', '<u2': 'ushort', '<i4': 'int', '<f4': 'float', '<f8': 'double'}


def generate(root, name):
    """Tiny files where the description of a data set looks for them, with each of its label values in each."""
    description = read_description(public_description(name))
    values = list(description.class_of_value())
    for split, patterns in description.splits.items():
        for number, file in enumerate(patterns):
            rng = np.random.default_rng([number, len(split)])
            xyz = rng.uniform(0, SIZE, (COUNT, 3)) + (UTM if name == 'toronto_3d' else 0)
            path = root / file
            path.parent.mkdir(exist_ok=True)
            write_las(path, xyz, values) if path.suffix == '.las' else write_ply(path, xyz, values, *PLY[name])


def write_las(path, xyz, values):
    las = laspy.create(point_format=1, file_version='1.2')
    las.header.scales, las.header.offsets = [0.001] * 3, xyz[0]
    las.xyz, las.classification = xyz, np.resize(values, COUNT)
    las.write(path)


def write_ply(path, xyz, values, element, properties):
    points = np.zeros(COUNT, properties)
    points['x'], points['y'], points['z'] = xyz.T
    points[properties[-1][0] if 'sem_class' not in points.dtype.names else 'sem_class'] = np.resize(values, COUNT)
    for field in {'red', 'green', 'blue', 'intensity'} & set(points.dtype.names):
        points[field] = np.arange(COUNT)
    lines = ['ply', 'format binary_little_endian 1.0', f'element {element} {COUNT}',
             *(f'property {NAMES[kind]} {field}' for field, kind in properties), 'end_header\n']
    path.write_bytes('\n'.join(lines).encode() + points.tobytes())


@pytest.mark.parametrize('name', public_sets())
def test_every_description_is_consistent(name):
    description = read_description(public_description(name))
    assert set(ABOUT) - {'not_checked'} <= set(description.about)
    assert description.about['get'].startswith('https://') and description.about['paper'].startswith('https://')
    assert description.label_field and all(description.classes.values())
    assert all(value >= 0 for value in description.class_of_value())
    assert {'train', 'val'} <= set(description.splits)
    files = [file for patterns in description.splits.values() for file in patterns]
    assert len(set(files)) == len(files), 'no file is in two splits'
    assert yaml.safe_load(public_description(name).read_text())['features'][0] == 'xyz'
    assert ('not checked' in description.about['licence']) <= ('licence' in description.about['not_checked'])


@pytest.mark.parametrize('name', [*PLY, 'dales'])
def test_files_like_theirs_are_prepared_and_loaded(tmp_path, name):
    generate(tmp_path, name)
    description, starter = start(tmp_path, public_set=name)
    assert not starter.remarks and [path.name for path in starter.written] == ['erda.yaml', 'minkunet_erda.py']
    assert (tmp_path / 'erda.yaml').read_bytes() == (FOLDER / f'{name}.yaml').read_bytes()
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(Config.fromfile(tmp_path / 'minkunet_erda.py').val_dataloader.dataset)
    files = len(description.splits['val'])
    samples = [dataset[i] for i in range(len(dataset))]
    labels = np.concatenate([sample['data_samples'].gt_pts_seg.pts_semantic_mask for sample in samples])
    expected = [description.class_of_value()[value] for value in np.resize(list(description.class_of_value()), COUNT)]
    assert np.array_equal(np.bincount(labels), files * np.bincount(expected))
    points = np.concatenate([sample['inputs']['points'] for sample in samples])
    assert points.shape[1] == 3 + sum(dict(rgb=3).get(feature, 1) for feature in description.features)
    assert np.abs(points[:, :2]).max() < 10 and points[:, 3:-1].min(initial=0) >= 0
    assert points[:, 3:-1].max(initial=0) <= 1


def test_coordinates_in_utm_keep_their_millimetres(tmp_path):
    generate(tmp_path, 'toronto_3d')
    start(tmp_path, public_set='toronto_3d')
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(Config.fromfile(tmp_path / 'minkunet_erda.py').val_dataloader.dataset)
    points = np.concatenate([sample['inputs']['points'][:, :3] for sample in dataset])
    true = np.random.default_rng([0, len('val')]).uniform(0, SIZE, (COUNT, 3))
    np.testing.assert_allclose(points - points[0], true - true[0], atol=1e-5)


def test_a_step_of_training(tmp_path):
    generate(tmp_path, 'toronto_3d')
    done = run('tools/prepare_data.py', 'folder', tmp_path, '--as', 'toronto_3d')
    assert done.returncode == 0 and 'Note:' not in done.stdout, done.stdout + done.stderr
    init_default_scope('mmdet3d')
    cfg = Config.fromfile(tmp_path / 'minkunet_erda.py')
    cfg.model.backbone.update(base_channels=2, encoder_channels=[2] * 4, decoder_channels=[2] * 4)
    cfg.model.decode_head.channels = 2
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    model = MODELS.build(cfg.model)
    model.decode_head.set_class_weights([1.0] * model.decode_head.num_real_classes)  # as when a training begins
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader)))
    losses = model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert 0 < losses['loss'] < 10


def test_missing_files_are_named(tmp_path):
    generate(tmp_path, 'toronto_3d')
    (tmp_path / 'L003.ply').rename(tmp_path / 'extra.ply')
    done = run('tools/prepare_data.py', 'folder', tmp_path, '--as', 'toronto_3d')
    assert done.returncode == 1 and done.stdout == '' and not (tmp_path / 'erda.yaml').exists()
    assert done.stderr.startswith(
        f'{tmp_path} lacks L003.ply of Toronto-3D. Get the data from https://github.com/WeikaiTan/Toronto-3D#download '
        f'(licence: CC BY-NC 4.0). To do without them, copy {FOLDER / "toronto_3d.yaml"} to {tmp_path}/erda.yaml ')
    with pytest.raises(DataError, match=r'lacks train/birmingham_block_0.ply, .* and 32 more of SensatUrban'):
        inspect_for(tmp_path, Wishes(public_set='sensaturban'))
    with pytest.raises(DataError, match='nowhere is not a folder. Get the data from https'):
        inspect_for(tmp_path / 'nowhere', Wishes(public_set='dales'))
    assert len(missing_files(read_description(public_description('fractal')))) == 3


def test_wrong_name_and_other_options(tmp_path):
    done = run('tools/prepare_data.py', 'folder', tmp_path, '--as', 'toronto')
    assert done.returncode == 1 and done.stderr == ("There is no description 'toronto'. There are "
                                                    f'{", ".join(public_sets())}.\n')
    with pytest.raises(DataError, match='--as dales says what classes, labels and files are. Leave out the other'):
        inspect_for(tmp_path, Wishes(label_field='class', public_set='dales'))


def test_what_the_description_does_not_know_is_said(tmp_path):
    generate(tmp_path, 'toronto_3d')
    element, properties = PLY['toronto_3d']
    write_ply(tmp_path / 'L001.ply', np.ones((COUNT, 3)), [1, 9], element, [*XYZ64, *properties[6:]])
    write_ply(tmp_path / 'L005.ply', np.ones((COUNT, 3)), [77], element, properties)
    wishes = Wishes(public_set='toronto_3d')
    report = inspect_for(tmp_path, wishes)
    assert report.left_out == f'Not read in {tmp_path}: 1 in no split (L005.ply).'
    _, starter = start(tmp_path, public_set='toronto_3d')
    assert starter.remarks[0].startswith('Label has the value 9 (120 points), which erda.yaml does not list: add it')
    assert starter.remarks[1].startswith('L001.ply has no field red: take it out of the features')
