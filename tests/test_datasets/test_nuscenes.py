"""Key frames in the official layout of nuScenes-lidarseg become info files, and bad files are named."""
import json
from pathlib import Path

import mmengine
import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from nuscenes.eval.lidarseg.utils import LidarsegClassMapper
from tiny_nuscenes import POINTS, VERSION, points, write_nuscenes

from erda.datasets.nuscenes import prepare_nuscenes
from erda.datasets.nuscenes_seg_dataset import RAW_CLASSES, NuScenesSegDataset
from erda.files.data_error import DataError

LIDAR = 'samples/LIDAR_TOP/n1__LIDAR_TOP__1.pcd.bin'
LABELS = f'lidarseg/{VERSION}/sweep1_lidarseg.bin'
PIPELINE = [
    dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=5, use_dim=4),
    dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_seg_3d=True, seg_3d_dtype='np.uint8',
         dataset_type='nuscenes'),
    dict(type='PointSegClassMapping'),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask']),
]


def edit_table(path, edit):
    rows = json.loads(path.read_text())
    edit(rows)
    path.write_text(json.dumps(rows))


@pytest.fixture
def nuscenes(tmp_path):
    return write_nuscenes(tmp_path)


def written(root):
    return sorted(path.name for path in root.iterdir() if path.is_file())


def build(root, split):
    return DATASETS.build(dict(
        type='NuScenesSegDataset', _scope_='mmdet3d', data_root=str(root), pipeline=PIPELINE,
        ann_file=f'nuscenes_lidarseg_infos_{split}.pkl',
        data_prefix=dict(pts='samples/LIDAR_TOP', pts_semantic_mask=f'lidarseg/{VERSION}')))


def test_data_set_reads_key_frames(nuscenes):
    assert prepare_nuscenes(nuscenes) == dict(train=2, val=1)
    assert written(nuscenes) == ['nuscenes_lidarseg_infos_train.pkl', 'nuscenes_lidarseg_infos_val.pkl']
    assert mmengine.load(nuscenes / 'nuscenes_lidarseg_infos_val.pkl')['data_list'] == [dict(
        sample_idx=0, token='sample1', timestamp=1.500001, pts_semantic_mask_path=Path(LABELS).name,
        lidar_points=dict(lidar_path=Path(LIDAR).name, num_pts_feats=5))]

    classes = NuScenesSegDataset.METAINFO['classes']
    expected = [classes.index(name) if name else 16 for _, name in RAW_CLASSES] * (POINTS // 32)
    train = build(nuscenes, 'train')
    for sample, sweep in zip(train, (0, 2)):
        np.testing.assert_array_equal(sample['inputs']['points'], points(sweep)[:, :4])
        np.testing.assert_array_equal(sample['data_samples'].gt_pts_seg.pts_semantic_mask, expected)


def test_classes_are_those_of_the_challenge():
    mapper = LidarsegClassMapper.__new__(LidarsegClassMapper)  # its constructor wants the whole of nuScenes
    mapper.ignore_class = mapper.get_ignore_class()
    names = mapper.get_fine2coarse()
    assert {raw: name or 'ignore' for raw, name in RAW_CLASSES} == names
    assert ['ignore', *NuScenesSegDataset.METAINFO['classes']] == list(mapper.get_coarse2idx())
    assert NuScenesSegDataset.METAINFO['palette'] == [list(color) for color in mapper.get_coarse2color().values()][1:]


def set_value(path, dtype, position, value):
    values = np.fromfile(path, dtype=dtype)
    values[position] = value
    values.tofile(path)


@pytest.mark.parametrize('file, damage, message', [
    (LIDAR, lambda path: path.unlink(), 'does not exist. Unpack all'),
    (LIDAR, lambda path: path.write_bytes(path.read_bytes()[:-1]), 'not a whole number of points of 20 bytes'),
    (LIDAR, lambda path: path.write_bytes(b''), '0 bytes are not'),
    (LIDAR, lambda path: set_value(path, np.float32, 7, np.inf), '1 of 320 points have NaN'),
    (LABELS, lambda path: path.unlink(), 'does not exist. Unpack nuScenes-lidarseg'),
    (LABELS, lambda path: path.write_bytes(path.read_bytes()[:-1]), '319 labels .* but .* has 320 points'),
    (LABELS, lambda path: set_value(path, np.uint8, 7, 32), r'label ids \[32\] are not in 0..31'),
])
def test_bad_frame(nuscenes, file, damage, message):
    damage(nuscenes / file)
    with pytest.raises(DataError, match=message) as error:
        prepare_nuscenes(nuscenes)
    assert str(nuscenes / file) in str(error.value)
    assert written(nuscenes) == []


@pytest.mark.parametrize('table, damage, message', [
    ('lidarseg', lambda path: path.unlink(), 'does not exist. Unpack nuScenes-lidarseg'),
    ('sample_data', lambda path: path.unlink(), 'does not exist. Unpack v1.0-trainval_meta'),
    ('sample', lambda path: path.write_text(path.read_text()[:-9]), 'is not JSON'),
    ('sample', lambda path: path.write_text('{"token": 1}'), 'is not a list of rows'),
    ('category', lambda path: edit_table(path, lambda rows: rows.pop(5)), 'label id 5 is None, not human.pedestrian'),
    ('lidarseg', lambda path: edit_table(path, lambda rows: rows.pop(1)), f'no labels for {LIDAR}'),
    ('sample_data', lambda path: edit_table(path, lambda rows: rows.pop(3)), 'LIDAR_TOP key frame for sample sample1'),
    ('scene', lambda path: edit_table(path, lambda rows: rows[1].update(name='scene-9')), 'scene-9 is in no split'),
    ('scene', lambda path: edit_table(path, lambda rows: rows.pop(1)), "'token1' is missing"),
    ('sample', lambda path: edit_table(path, lambda rows: rows.pop(1)), 'no key frame of the val scenes'),
])
def test_bad_table(nuscenes, table, damage, message):
    damage(nuscenes / VERSION / f'{table}.json')
    with pytest.raises(DataError, match=message) as error:
        prepare_nuscenes(nuscenes)
    assert str(nuscenes / VERSION) in str(error.value)
    assert written(nuscenes) == []


def test_unknown_version(nuscenes):
    with pytest.raises(DataError, match='v1.0-test is not a labelled version'):
        prepare_nuscenes(nuscenes, 'v1.0-test')
