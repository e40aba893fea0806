"""Preparation checks every scan, names the file that is wrong, and leaves nothing half-written."""
import mmengine
import numpy as np
import pytest
from tiny_scans import write_scan

from erda.datasets.semantickitti import DataError, crop_semantickitti, prepare_semantickitti, write_folds

BIN = 'sequences/00/velodyne/000001.bin'
LABEL = 'sequences/00/labels/000001.label'


def infos(root):
    return sorted(path.name for path in root.iterdir() if path.is_file())


def test_info_files(scans):
    write_scan(scans, '11', 0)
    for path in (scans / 'sequences/11/labels').iterdir():
        path.unlink()
    (scans / 'sequences/11/labels').rmdir()
    assert prepare_semantickitti(scans) == dict(train=3, val=1, trainval=4, test=1)
    assert infos(scans) == [f'semantickitti_infos_{split}.pkl' for split in ('test', 'train', 'trainval', 'val')]
    train = mmengine.load(scans / 'semantickitti_infos_train.pkl')['data_list']
    assert train[1] == dict(
        lidar_points=dict(lidar_path=BIN, num_pts_feats=4), pts_semantic_mask_path=LABEL, sample_id='00/000001')
    assert 'pts_semantic_mask_path' not in mmengine.load(scans / 'semantickitti_infos_test.pkl')['data_list'][0]


def test_other_validation_sequence(scans):
    assert prepare_semantickitti(scans, ['00'])['val'] == 3


def test_folds(scans):
    for frame in range(2):
        write_scan(scans, '01', frame)
    write_folds(scans, [['00', '08'], ['01']])

    def sequences(name):
        content = mmengine.load(scans / f'semantickitti_infos_{name}.pkl')['data_list']
        return [info['sample_id'].split('/')[0] for info in content]

    assert (sequences('fold1_train'), sequences('fold1_val')) == (['01'] * 2, ['00'] * 3 + ['08'])
    assert (sequences('fold2_train'), sequences('fold2_val')) == (['00'] * 3 + ['08'], ['01'] * 2)
    with pytest.raises(DataError, match='sequence 01 stands there twice'):
        write_folds(scans, [['00', '01'], ['01']])
    with pytest.raises(DataError, match='sequence 07 is not there'):
        write_folds(scans, [['07']])


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


def set_label(path, value):
    labels = np.fromfile(path, dtype=np.uint32)
    labels[5] = value
    labels.tofile(path)


def set_nan(path):
    points = np.fromfile(path, dtype=np.float32)
    points[6] = np.nan
    points.tofile(path)


@pytest.mark.parametrize('file, damage, message', [
    (BIN, lambda path: truncate(path, 1601), '1601 bytes are not a whole number of points'),
    (BIN, lambda path: truncate(path, 0), 'truncated'),
    (BIN, lambda path: truncate(path, 1600), 'has 100 points and needs 400 bytes'),
    (BIN, set_nan, '1 of 1500 points have NaN'),
    (LABEL, lambda path: truncate(path, 4000), '4000 bytes, but 000001.bin has 1500 points and needs 6000'),
    (LABEL, lambda path: set_label(path, 77), r'label ids \[77\]'),
    (LABEL, lambda path: path.unlink(), 'is missing'),
])
def test_bad_scan(scans, file, damage, message):
    damage(scans / file)
    with pytest.raises(DataError, match=message) as error:
        prepare_semantickitti(scans)
    assert '000001' in str(error.value)
    assert infos(scans) == []


def test_instance_ids_are_fine(scans):
    set_label(scans / LABEL, 10 | 513 << 16)
    prepare_semantickitti(scans)


def test_missing_folders(tmp_path, scans):
    with pytest.raises(DataError, match='does not exist'):
        prepare_semantickitti(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='sequence 07 is not there, only 00, 08'):
        prepare_semantickitti(scans, ['07'])
    with pytest.raises(DataError, match='no labelled scan is left'):
        prepare_semantickitti(scans, ['00', '08'])


def test_crop(scans, tmp_path):
    near = tmp_path / 'near'
    assert crop_semantickitti(scans, near, 5) == 4
    assert prepare_semantickitti(near) == dict(train=3, val=1, trainval=4, test=0)
    points, labels = (np.fromfile(scans / path, dtype).reshape(-1, columns)
                      for path, dtype, columns in ((BIN, np.float32, 4), (LABEL, np.uint32, 1)))
    stays = [abs(x) < 5 and abs(y) < 5 for x, y, *_ in points]
    assert 0 < sum(stays) < len(points)
    np.testing.assert_array_equal(np.fromfile(near / BIN, np.float32).reshape(-1, 4), points[stays])
    np.testing.assert_array_equal(np.fromfile(near / LABEL, np.uint32), labels[stays, 0])


def test_crop_of_test_scans_has_no_labels(scans, tmp_path):
    write_scan(scans, '11', 0)
    (scans / 'sequences/11/labels/000000.label').unlink()
    (scans / 'sequences/11/labels').rmdir()
    crop_semantickitti(scans, tmp_path / 'near', 5)
    assert prepare_semantickitti(tmp_path / 'near')['test'] == 1


def test_crop_goes_on_where_it_was_stopped_but_mixes_nothing(scans, tmp_path):
    near = tmp_path / 'near'
    crop_semantickitti(scans, near, 5)
    (near / BIN).unlink()
    crop_semantickitti(scans, near, 5)
    assert (near / BIN).is_file()
    with pytest.raises(ValueError, match='within is 5 there, 6 asked'):
        crop_semantickitti(scans, near, 6)
    with pytest.raises(ValueError, match='not made here'):
        crop_semantickitti(near, scans, 5)


def test_crop_says_what_is_wrong(scans, tmp_path):
    near = tmp_path / 'near'
    with pytest.raises(ValueError, match='0 m around the sensor'):
        crop_semantickitti(scans, near, 0)
    assert not near.exists()
    with pytest.raises(DataError, match='no point is within 0.001 m'):
        crop_semantickitti(scans, near, 0.001)
    truncate(scans / BIN, 1601)
    with pytest.raises(DataError, match='1601 bytes'):
        crop_semantickitti(scans, tmp_path / 'other', 5)
