"""Scans that turn unreadable: named, and fatal or replaced in the same way for any workers."""
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from test_weak_labels.test_weak_label_dataset import build

from erda.files.data_error import DataError
from erda.weak_labels import scans_of_batch

SKIP = {'train_dataloader.dataset.on_unreadable': 'skip'}
PLAIN = {'train_dataloader.dataset.dataset.pipeline': [
    dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=4, use_dim=4),
    dict(type='LoadAnnotations3D', with_bbox_3d=False, with_label_3d=False, with_seg_3d=True,
         seg_3d_dtype='np.int32', seg_offset=2**16, dataset_type='semantickitti'),
    dict(type='PointSegClassMapping'),
    dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5),
    dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])]}


def points_file(root, frame=1):
    return root / f'sequences/00/velodyne/{frame:06d}.bin'


def labels_file(root, frame=1):
    return root / f'sequences/00/labels/{frame:06d}.label'


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


DAMAGES = {
    'points deleted': (lambda root: points_file(root).unlink(), r'000001.bin cannot be read: .*No such file'),
    'labels deleted': (lambda root: labels_file(root).unlink(), r'000001.label does not exist'),
    'half a point': (lambda root: truncate(points_file(root), 1000), r'000001.bin has 1,000 bytes'),
    'half the points': (lambda root: truncate(points_file(root), 1600), '100 points, but 1500 labels'),
    'half the labels': (lambda root: truncate(labels_file(root), 400), '1500 points, but 100 labels'),
    'half a label': (lambda root: truncate(labels_file(root), 401), '000001.label has 401 bytes'),
    'empty': (lambda root: truncate(points_file(root), 0), '0 points, but 1500 labels'),
    'not labels': (lambda root: np.full(1500, 40000, np.uint32).tofile(labels_file(root)), '000001.bin cannot be read'),
    'a folder': (lambda root: (points_file(root).unlink(), points_file(root).mkdir()), '000001.bin cannot be read'),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_scan_is_named(semantickitti, damage):
    dataset = build(semantickitti, **PLAIN)
    act, message = DAMAGES[damage]
    act(semantickitti)
    assert dataset[0]['data_samples'].scans == [str(points_file(semantickitti, 0))]
    with pytest.raises(DataError, match=message) as error:
        dataset[1]
    assert 'on_unreadable=skip' in str(error.value)
    with pytest.raises(DataError, match=message):
        dataset.load_scan(1)


@pytest.mark.parametrize('damage', DAMAGES)
def test_the_next_scan_takes_its_place(semantickitti, damage):
    dataset = build(semantickitti, **PLAIN, **SKIP)
    act, message = DAMAGES[damage]
    act(semantickitti)
    item = dataset[1]['data_samples']
    assert item.scans == [str(points_file(semantickitti, 2))] and item.lidar_path == item.scans[0]
    (path, reason), = item.unreadable_scans
    assert path == str(points_file(semantickitti)) and path in reason
    assert dataset[0]['data_samples'].unreadable_scans == [], 'each item tells its own'


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_order_and_random_numbers_stay_the_same(semantickitti, workers):
    """What stands in the place of a lost scan is what that scan's own item would have been, augmentation included."""
    points_file(semantickitti).unlink()
    dataset = build(semantickitti, **PLAIN, **SKIP)

    def seed(_):
        np.random.seed(3)

    def items(order):
        np.random.seed(3)
        loader = torch.utils.data.DataLoader(dataset, batch_size=1, sampler=order, num_workers=workers,
                                             collate_fn=pseudo_collate, worker_init_fn=seed)
        return [(batch['inputs']['points'][0], scans_of_batch(batch)) for batch in loader]

    for (points, scans), (expected, same_scans) in zip(items([0, 1, 1, 2]), items([0, 2, 2, 2])):
        assert torch.equal(points, expected) and scans == same_scans


def test_scans_of_mixes(semantickitti):
    """The second scan of a mix is named, and replaced, as the first one is."""
    points_file(semantickitti).unlink()
    whole = build(semantickitti, **SKIP)
    items = [whole[idx]['data_samples'] for idx in [0, 2] * 6]
    assert all(len(item.scans) == 2 and str(points_file(semantickitti)) not in item.scans for item in items)
    assert any(item.unreadable_scans for item in items), 'as a second scan'
    strict = build(semantickitti)
    with pytest.raises(DataError, match='000001.bin cannot be read'):
        [strict[idx] for idx in [0, 2] * 12]


def test_nothing_left_to_read(semantickitti):
    dataset = build(semantickitti, **PLAIN, **SKIP)
    for frame in range(3):
        points_file(semantickitti, frame).unlink()
    with pytest.raises(DataError, match='None of the 3 scans'):
        dataset[0]


def test_unknown_choice(semantickitti):
    with pytest.raises(ValueError, match="on_unreadable='ignore' must be one of stop, skip"):
        build(semantickitti, **{'train_dataloader.dataset.on_unreadable': 'ignore'})
