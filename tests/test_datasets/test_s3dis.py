"""Rooms in the official layout of S3DIS reach mmdet3d's data set with their labels, and bad files are named."""
from pathlib import Path

import mmdet3d
import mmengine
import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.config import Config

from erda.datasets import s3dis
from erda.datasets.mmdet3d_converters import load_converter
from erda.datasets.s3dis import AREAS, CLASSES, prepare_s3dis
from erda.files.data_error import DataError

CONFIG = Path(mmdet3d.__file__).parent / '.mim/configs/_base_/datasets/s3dis-seg.py'
SOURCE = Path('Stanford3dDataset_v1.2_Aligned_Version')
OBJECTS = dict(ceiling_1='ceiling', chair_1='chair', chair_2='chair', floor_1='floor', stairs_1='clutter')
CHAIR = SOURCE / 'Area_5/office_1/Annotations/chair_1.txt'


def write_object(path, label, points=1000):
    """Points of one object; red says the class, so that a test can tell whether a label is the point's own."""
    rng = np.random.default_rng(len(path.name))
    xyz = rng.uniform([3, -2, 1], [4, -1, 2], (points, 3))
    rgb = np.tile([10 * CLASSES.index(label), 0, 255], (points, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.hstack([xyz, rgb]), fmt='%.3f %.3f %.3f %d %d %d')


@pytest.fixture
def rooms(tmp_path):
    for area in AREAS:
        for name, label in OBJECTS.items():
            write_object(tmp_path / SOURCE / area / 'office_1/Annotations' / f'{name}.txt', label)
        (tmp_path / SOURCE / area / '.DS_Store').touch()
        (tmp_path / SOURCE / area / 'office_1/Annotations/._chair_1.txt').write_bytes(b'\0\5')
    return tmp_path


def written(root):
    return sorted(path.name for path in root.iterdir() if path.name != SOURCE.name)


def build(root, name):
    dataset = Config.fromfile(CONFIG)[name].dataset
    return DATASETS.build(dataset | dict(data_root=str(root), _scope_='mmdet3d'))


def test_mmdet3d_reads_rooms(rooms):
    assert prepare_s3dis(rooms) == dict.fromkeys(AREAS, 1)
    assert written(rooms) == ['instance_mask', 'points', 's3dis_data', *(f's3dis_infos_{area}.pkl' for area in AREAS),
                              'seg_info', 'semantic_mask']

    sample = build(rooms, 'test_dataloader')[0]
    points = sample['inputs']['points'].numpy()
    labels = sample['data_samples'].eval_ann_info['pts_semantic_mask']
    text = np.vstack([np.loadtxt(rooms / CHAIR.parent / f'{name}.txt') for name in OBJECTS])
    np.testing.assert_allclose(points[:, :3], text[:, :3] - text[:, :3].min(axis=0), atol=1e-6)
    np.testing.assert_allclose(points[:, 3:], text[:, 3:] / 255, atol=1e-6)
    np.testing.assert_array_equal(labels, np.repeat([CLASSES.index(label) for label in OBJECTS.values()], 1000))
    instances = np.fromfile(rooms / 'instance_mask/Area_5_office_1.bin', dtype=np.int64)
    np.testing.assert_array_equal(instances, np.repeat([1, 2, 3, 4, 5], 1000))

    train = build(rooms, 'train_dataloader')
    assert len(train) == 5
    sample = train[0]
    red = sample['inputs']['points'][:, 3].numpy() * 255
    np.testing.assert_allclose(red, 10 * sample['data_samples'].gt_pts_seg.pts_semantic_mask, atol=1e-3)


def test_boxes_of_furniture(rooms):
    prepare_s3dis(rooms)
    info = mmengine.load(rooms / 's3dis_infos_Area_5.pkl')['data_list'][0]
    assert [instance['bbox_label_3d'] for instance in info['instances']] == [1, 1]  # both chairs


def test_interrupted_conversion_continues(rooms, monkeypatch):
    path = rooms / SOURCE / 'Area_6/office_1/Annotations/floor_1.txt'
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.raises(DataError, match='floor_1'):
        prepare_s3dis(rooms)
    assert written(rooms) == ['s3dis_data']
    path.write_text(whole)
    read = []
    monkeypatch.setattr(s3dis, 'read_room', lambda room, read_room=s3dis.read_room: read.append(room) or
                        read_room(room))
    prepare_s3dis(rooms)
    assert [room.parent.name for room in read] == ['Area_6']
    assert not list(rooms.rglob('*part*'))


def test_truncated_converted_file(rooms):
    prepare_s3dis(rooms)
    path = rooms / 's3dis_data/Area_2_office_1_sem_label.npy'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match='Area_2, office_1: mmdet3d cannot use the converted files'):
        prepare_s3dis(rooms)
    assert not list(rooms.glob('.part*'))


def replace_line(path, number, line):
    lines = path.read_bytes().splitlines()
    lines[number - 1] = line
    path.write_bytes(b'\n'.join(lines))


@pytest.mark.parametrize('damage, message', [
    (lambda path: replace_line(path, 7, b'1 2 103.0\x100000 4 5 6'), r"line 7: '103.0\\x100000' is not a finite"),
    (lambda path: replace_line(path, 7, b'1 2 3\x00 4 5 6'), r"line 7: '3\\x00' is not a finite"),
    (lambda path: replace_line(path, 7, b'1 2 \xff 4 5 6'), "line 7: 'ÿ' is not a finite"),
    (lambda path: replace_line(path, 9, b'1 2 nan 4 5 6'), "line 9: 'nan' is not a finite number"),
    (lambda path: replace_line(path, 1000, b'1 2 3'), 'line 1000: 3 columns instead of 6'),
    (lambda path: path.write_text('1 2 3 4\n' * 9), 'line 1: 4 columns instead of 6'),
    (lambda path: path.write_text('\n\n'), 'no line holds numbers'),
    (lambda path: path.write_text(''), 'is empty'),
])
def test_bad_annotation(rooms, damage, message):
    damage(rooms / CHAIR)
    with pytest.raises(DataError, match=message) as error:
        prepare_s3dis(rooms)
    assert str(rooms / CHAIR) in str(error.value)
    assert written(rooms) == ['s3dis_data']


def test_missing_folders(rooms):
    for path in (rooms / CHAIR.parent).iterdir():
        path.unlink()
    with pytest.raises(DataError, match='office_1/Annotations holds no CLASS_N.txt'):
        prepare_s3dis(rooms)
    (rooms / SOURCE / 'Area_3').rename(rooms / SOURCE / 'Area_7')
    with pytest.raises(DataError, match='Area_3 does not exist'):
        prepare_s3dis(rooms)
    with pytest.raises(DataError, match='Area_1 does not exist'):
        prepare_s3dis(rooms / 'nowhere')
    assert written(rooms) == []


def test_mmdet3d_without_converters():
    with pytest.raises(DataError, match='dataset_converters/other.py is missing: this mmdet3d came without'):
        load_converter('other')
