import numpy as np
import pytest
from test_clouds.test_bin_columns import COUNT, KINDS, scan

from erda.clouds.cloud_files import (
    PointCloudError,
    assumptions,
    check_copy,
    copy_with_fields,
    count_points,
    read_point_cloud,
)

COLUMNS = ['x', 'y', 'z', 'intensity', 'ring']


def write(path, points, labels=None):
    points.astype('<f4').tofile(path)
    if labels is not None:
        np.zeros(labels, '<u4').tofile(path.with_suffix('.label'))
    return path


@pytest.mark.parametrize('kind', KINDS)
def test_columns_are_found(tmp_path, kind):
    width, make, names = KINDS[kind]
    points = make().astype('<f4')
    path = write(tmp_path / 'a.pcd.bin', points)
    cloud = read_point_cloud(path)
    found = np.column_stack([cloud.xyz, *(cloud.fields[name] for name in names[3:])])
    np.testing.assert_array_equal(found.astype('<f4'), points)
    said = [f'it is read as {width} columns, {", ".join(names)}: no other number of them makes sense']
    assert assumptions(path) == ([] if kind in ('KITTI', 'intensity of 8 bits') else said)
    copy_with_fields(path, tmp_path / 'b.bin', [dict(classification=np.arange(COUNT) % 7)], COUNT)
    assert (tmp_path / 'b.bin').read_bytes() == path.read_bytes()
    assert np.fromfile(tmp_path / 'b.label', '<u4').tolist() == (np.arange(COUNT) % 7).tolist()


def test_columns_that_are_given(tmp_path):
    path = write(tmp_path / 'a.bin', scan(20))
    assert count_points(path, ['x', 'y', 'z']) == 20 and not assumptions(path, ['x', 'y', 'z'])
    assert count_points(path, COLUMNS) == 12
    np.testing.assert_array_equal(read_point_cloud(path, ['y', 'x', 'z']).xyz[:, [1, 0, 2]],
                                  read_point_cloud(path, ['x', 'y', 'z']).xyz)


def test_labels_tell(tmp_path):
    assert count_points(write(tmp_path / 'a.bin', scan(20), labels=15)) == 15
    assert read_point_cloud(tmp_path / 'a.bin').fields['label'].tolist() == 15 * [0]


@pytest.mark.parametrize('points, labels, columns, message', [
    (scan(20), None, None, 'a.bin: it can have 3 or 4 or 5 or 6 columns, and its numbers do not tell which. Give '
                           '--columns x,y,z or --columns x,y,z,intensity or --columns x,y,z,intensity,column_5 or '
                           '--columns x,y,z,intensity,column_5,column_6.'),
    (np.ones(11), None, None, 'a.bin: 44 bytes are no whole number of points of 3 to 8 float32. The file is truncated'),
    (np.full(120, 1e20), None, None, 'a.bin: its numbers make no sense as float32 points of any number of columns. It '
                                     'is another kind of file; if not, name its columns, such as --columns x,y,z'),
    (scan(), COUNT // 2, None, f'a.label has {2 * COUNT} bytes, but one uint32 for each point would be {4 * COUNT}.'),
    (scan(20), None, COLUMNS[:4] + ['a', 'b', 'c'], 'a.bin: 240 bytes are no whole number of points of 28 bytes '),
    (scan(20), None, ['a', 'y', 'b'], 'a.bin: its columns are named a, y, b, without x, z.'),
    (scan(20), 12, ['x', 'y', 'z'], 'a.label has 48 bytes, but 20 points need 80'),
])
def test_refused(tmp_path, points, labels, columns, message):
    path = write(tmp_path / 'a.bin', points, labels)
    with pytest.raises(PointCloudError) as error:
        read_point_cloud(path, columns)
    assert message in str(error.value) and 'a.bin' in str(error.value)


def test_a_class_that_does_not_fit_is_said_before(tmp_path):
    path = write(tmp_path / 'a.bin', scan(20), 20)
    with pytest.raises(PointCloudError, match='a.bin: classification -1 does not fit into uint32'):
        check_copy(path, tmp_path / 'b.bin', dict(classification=np.array([3, -1])))
