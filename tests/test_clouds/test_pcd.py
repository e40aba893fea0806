"""PCD files of each kind of data, field and byte are read, and copied with everything that is in them."""
import struct

import numpy as np
import pytest

from erda.clouds.cloud_files import (
    PointCloudError,
    check_copy,
    copy_with_fields,
    count_points,
    field_names,
    iter_point_cloud,
    read_point_cloud,
)
from erda.clouds.lzf import decompress_lzf

COUNT = 40
KINDS = dict(f='F', i='I', u='U')
LAYOUTS = {
    'xyz': [('x', '<f4'), ('y', '<f4'), ('z', '<f4')],
    'double': [('x', '<f8'), ('y', '<f8'), ('z', '<f8'), ('intensity', '<f4'), ('label', '<u4'), ('time', '<f8')],
    'small': [('label', '<i1'), ('ring', '<u2'), ('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('class', '<i2')],
    'vectors': [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('fpfh', '<f4', (5, )), ('_', 'u1', (4, )), ('id', '<i4')],
    'colours': [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgb', '<f4')],
    'colours and alpha': [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgba', '<u4')],
}


def points(layout):
    array, rng = np.zeros(COUNT, LAYOUTS[layout]), np.random.default_rng(0)
    for name in array.dtype.names:
        kind = array.dtype[name].base
        array[name] = rng.normal(0, 9, array[name].shape) if kind.kind == 'f' else rng.integers(
            0, 100, array[name].shape)
    for name in {'rgb', 'rgba'} & set(array.dtype.names):
        array[name] = rng.integers(0, 1 << 24, COUNT).astype('<u4').view(array.dtype[name])
    return array


def lzf(data):
    """Bytes as they are, and zeros behind them, to have a copy into itself."""
    packed = b''.join(bytes([len(part) - 1]) + part for part in (data[i:i + 32] for i in range(0, len(data), 32)))
    return packed


def write(path, array, data, count=COUNT, with_count=True):
    names = array.dtype.names
    header = ['# .PCD v0.7 - Point Cloud Data file format', 'VERSION 0.7', f'FIELDS {" ".join(names)}',
              'SIZE ' + ' '.join(str(array.dtype[name].base.itemsize) for name in names),
              'TYPE ' + ' '.join(KINDS[array.dtype[name].base.kind] for name in names)]
    if with_count:
        header.append('COUNT ' + ' '.join(str(int(np.prod(array.dtype[name].shape))) for name in names))
    header += [f'WIDTH {count}', 'HEIGHT 1', 'VIEWPOINT 0 0 0 1 0 0 0', f'POINTS {count}', f'DATA {data}']
    body = array.tobytes()
    if data == 'ascii':
        body = ''.join(' '.join(f'{value:.9g}' for name in names for value in np.atleast_1d(row[name])) + '\n'
                       for row in array.astype([(name, 'f8', array.dtype[name].shape) for name in names])).encode()
    elif data == 'binary_compressed':
        body = b''.join(array[name].tobytes() for name in names)
        packed = lzf(body)
        body = struct.pack('<II', len(packed), len(body)) + packed
    path.write_bytes(('\n'.join(header) + '\n').encode() + body)
    return path


@pytest.mark.parametrize('data', ['ascii', 'binary', 'binary_compressed'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_reading_and_copying(tmp_path, layout, data):
    array = points(layout)
    if data == 'ascii' and 'rgb' in array.dtype.names:
        array['rgb'] = array['rgb'].view('<u4') % 1000 + 4.2e6  # not a subnormal number, which nine digits would change
    path = write(tmp_path / 'a.pcd', array, data)
    assert count_points(path) == COUNT
    assert [len(chunk.xyz) for chunk in iter_point_cloud(path, 15)] == [15, 15, 10]
    fields = [dict(classification=np.arange(start, stop) % 7, confidence=np.full(stop - start, 0.5, np.float32))
              for start, stop in ((0, 15), (15, 30), (30, 40))]
    said = ['its points are compressed; those of the result are not'] if data == 'binary_compressed' else []
    assert check_copy(path, tmp_path / 'b.pcd', fields[0]) == said
    copy_with_fields(path, tmp_path / 'b.pcd', fields, 15)
    for name in ('a.pcd', 'b.pcd'):
        cloud = read_point_cloud(tmp_path / name)
        np.testing.assert_allclose(cloud.xyz, np.stack([array[axis] for axis in 'xyz'], axis=1), rtol=1e-7)
        plain = {name for name in array.dtype.names if not array.dtype[name].shape} - {*'xyz', 'rgb', 'rgba'}
        for field in plain:
            np.testing.assert_allclose(cloud.fields[field], array[field], rtol=1e-7)
        if 'colours' in layout:
            bits = array[array.dtype.names[3]].view('<u4')
            for colour, shift in (('red', 16), ('green', 8), ('blue', 0)):
                assert cloud.fields[colour].tolist() == (bits >> shift & 255).tolist()
    assert set(cloud.fields) - {'red', 'green', 'blue'} == {*plain, 'classification', 'confidence'}
    assert cloud.fields['classification'].tolist() == (np.arange(COUNT) % 7).tolist()
    assert ('red' in field_names(path)) == ('colours' in layout)
    if layout == 'vectors':
        old, new = (tmp_path / name for name in ('a.pcd', 'b.pcd'))
        header = new.read_bytes().split(b'DATA')[0].decode()
        assert 'FIELDS x y z fpfh _ id classification confidence\n' in header and 'COUNT 1 1 1 5 4 1 1 1\n' in header
        if data == 'ascii':
            assert new.read_text().splitlines()[-1] == f'{old.read_text().splitlines()[-1]} 4 0.5'
        else:
            copied = np.frombuffer(new.read_bytes()[-COUNT * 52:], [*array.dtype.descr, ('new', 'V12')])
            np.testing.assert_array_equal(copied['fpfh'], array['fpfh'])


def test_without_counts(tmp_path):
    path = write(tmp_path / 'a.pcd', points('double'), 'binary', with_count=False)
    copy_with_fields(path, tmp_path / 'b.pcd', [dict(score=np.arange(COUNT))])
    assert read_point_cloud(tmp_path / 'b.pcd').fields['score'].tolist() == list(range(COUNT))


@pytest.mark.parametrize('change, message', [
    (lambda content: content.replace(b'POINTS 40', b'POINTS 2000000000'),
     'its header says that it has 2,000,000,000 points, for which its'),
    (lambda content: content.replace(b'POINTS 40', b'POINTS 41'), 'its header says that it has 41 points'),
    (lambda content: content.replace(b'DATA binary', b'DATA secret'), 'its PCD data is secret, not ascii, binary or'),
    (lambda content: content.replace(b'TYPE F', b'TYPE Q'), 'its PCD header cannot be understood'),
    (lambda content: content.replace(b'DATA', b'ATAD'), 'its PCD header has no line DATA'),
    (lambda content: content.replace(b'FIELDS x', b'FIELDS a'), 'there is no x among the fields a, y, z'),
])
def test_refused(tmp_path, change, message):
    path = write(tmp_path / 'a.pcd', points('xyz'), 'binary')
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(PointCloudError) as error:
        read_point_cloud(path)
    assert message in str(error.value) and 'a.pcd: ' in str(error.value)


@pytest.mark.parametrize('data, count, message', [
    ('ascii', 2_000_000_000, 'it has 2,000,000,000 points, for which its'),
    ('ascii', COUNT + 1, 'it ends after 40 of its 41 points. The file is truncated: copy it again.'),
    ('binary_compressed', 2_000_000_000, 'it has 2,000,000,000 points, for which its'),
    ('binary_compressed', COUNT + 1, 'its compressed points are 480 bytes, but 41 points have 492.'),
])
def test_more_points_than_bytes(tmp_path, data, count, message):
    path = write(tmp_path / 'a.pcd', points('xyz'), data, count)
    with pytest.raises(PointCloudError) as error:
        read_point_cloud(path)
    assert message in str(error.value)


@pytest.mark.parametrize('packed, size, data', [
    (bytes([2]) + b'abc', 3, b'abc'),
    (bytes([2]) + b'abc' + bytes([0x20, 2]), 6, b'abcabc'),  # three bytes from three back
    (bytes([0]) + b'a' + bytes([0xe0, 90, 0]), 100, b'a' * 100),  # 7 + 90 + 2 bytes from one back
    (bytes([31]) + bytes(range(32)) + bytes([0x40, 31]), 36, bytes([*range(32), 0, 1, 2, 3])),
])
def test_lzf(packed, size, data):
    assert decompress_lzf(packed, size) == data
    for wrong in (size - 1, size + 1):
        with pytest.raises(ValueError, match='its compressed points are damaged'):
            decompress_lzf(packed, wrong)


def test_lzf_from_before_the_beginning():
    with pytest.raises(ValueError, match='its compressed points are damaged'):
        decompress_lzf(bytes([0]) + b'a' + bytes([0x20, 5]), 4)
