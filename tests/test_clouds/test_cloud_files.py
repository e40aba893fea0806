"""Every format, written by hand or by the format's own library, is read, cut into chunks and copied with new fields."""
import io
import zipfile

import laspy
import numpy as np
import pytest

from erda.clouds.cloud_files import (
    SUFFIXES,
    PointCloudError,
    copy_with_fields,
    count_points,
    iter_point_cloud,
    read_point_cloud,
)

COUNT = 25
CHUNK = 10
EAST = np.array([652000.001, 6862000.25, 35.5])


def cloud():
    rng = np.random.default_rng(0)
    xyz = EAST + np.round(rng.uniform(0, 50, (COUNT, 3)), 3)
    return xyz, dict(intensity=rng.integers(0, 900, COUNT).astype(np.uint16),
                     classification=rng.integers(1, 7, COUNT).astype(np.uint8))


def records(order='<'):
    xyz, fields = cloud()
    layout = [*((axis, f'{order}f8') for axis in 'xyz'), ('intensity', f'{order}u2'), ('classification', 'u1')]
    array = np.empty(COUNT, layout)
    for name, values in zip('xyz', xyz.T):
        array[name] = values
    for name, values in fields.items():
        array[name] = values
    return array


def ply_header(encoding):
    return (f'ply\nformat {encoding} 1.0\ncomment by hand\nelement camera 1\nproperty float focus\n'
            f'element vertex {COUNT}\nproperty double x\nproperty double y\nproperty double z\n'
            'property ushort intensity\nproperty uchar classification\n'
            'element face 1\nproperty list uchar int vertex_indices\nend_header\n').encode()


def write_ascii_ply(path):
    lines = [' '.join(str(value) for value in record) for record in records()]
    path.write_bytes(ply_header('ascii') + ('7.5\n' + '\n'.join(lines) + '\n3 0 1 2\n').encode())


def write_binary_ply(path, order, encoding):
    face = np.uint8(3).tobytes() + np.arange(3, dtype=f'{order}i4').tobytes()
    path.write_bytes(ply_header(encoding) + np.array(7.5, f'{order}f4').tobytes() + records(order).tobytes() + face)


def write_las(path):
    header = laspy.LasHeader(point_format=3, version='1.2')
    header.offsets, header.scales = EAST, [0.001] * 3
    header.add_extra_dim(laspy.ExtraBytesParams('normal', '3f4'))
    las = laspy.LasData(header)
    xyz, fields = cloud()
    las.xyz = xyz
    las.intensity, las.classification = fields['intensity'], fields['classification']
    las.gps_time = np.arange(COUNT)
    las.write(path)


def write_csv(path, separator=',', first='x,y,z,intensity,classification\n'):
    path.write_text(first + '\n'.join(separator.join(str(value) for value in record) for record in records()) + '\n\n')


def write_bin(path):
    xyz, fields = cloud()
    np.column_stack([xyz - EAST, fields['intensity']]).astype('<f4').tofile(path)
    (fields['classification'].astype('<u4') | 7 << 16).tofile(path.with_suffix('.label'))


def write_pcd(path, data='binary'):
    array = records()
    header = (f'# .PCD v0.7\nVERSION 0.7\nFIELDS x y z intensity classification\nSIZE 8 8 8 2 1\nTYPE F F F U U\n'
              f'COUNT 1 1 1 1 1\nWIDTH {COUNT}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {COUNT}\nDATA {data}\n')
    lines = ''.join(' '.join(str(value) for value in record) + '\n' for record in array)
    path.write_bytes(header.encode() + (lines.encode() if data == 'ascii' else array.tobytes()))


WRITERS = {
    'ascii.ply': write_ascii_ply,
    'little.ply': lambda path: write_binary_ply(path, '<', 'binary_little_endian'),
    'big.ply': lambda path: write_binary_ply(path, '>', 'binary_big_endian'),
    'a.las': write_las,
    'a.LAZ': write_las,
    'structured.npy': lambda path: np.save(path, records()),
    'plain.npy': lambda path: np.save(path, np.column_stack([cloud()[0], *cloud()[1].values()])),
    'xyz.npz': lambda path: np.savez(path, xyz=cloud()[0], **cloud()[1], name=np.array('tile')),
    'axes.npz': lambda path: np.savez_compressed(path, **{name: records()[name] for name in records().dtype.names}),
    'a.csv': write_csv,
    'semicolon.csv': lambda path: write_csv(path, ';', '//X;Y;Z;intensity;classification\n'),
    'plain.txt': lambda path: write_csv(path, '  ', ''),
    'plain.xyz': lambda path: write_csv(path, ' ', ''),
    'plain.pts': lambda path: write_csv(path, ' ', f'{COUNT}\n'),
    'a.bin': write_bin,
    'a.pcd': write_pcd,
    'ascii.pcd': lambda path: write_pcd(path, 'ascii'),
    'structured.npz': lambda path: np.savez(path, records()),
}
NAMELESS = dict(intensity='column_4', classification='column_5')  # of formats that store no names


@pytest.fixture(params=WRITERS)
def path(request, tmp_path):
    WRITERS[request.param](tmp_path / request.param)
    return tmp_path / request.param


def names(path):
    if path.suffix == '.bin':
        return dict(intensity='intensity', classification='label')
    return NAMELESS if path.stem == 'plain' else {name: name for name in NAMELESS}


def test_every_suffix_is_tested():
    assert {name[name.index('.'):].lower() for name in WRITERS} == set(SUFFIXES) - {'.e57'}  # see test_e57.py


def test_reading(path):
    xyz, fields = cloud()
    if path.suffix == '.bin':
        xyz = (xyz - EAST).astype(np.float32)
    assert count_points(path) == COUNT
    whole = read_point_cloud(path)
    assert whole.xyz.dtype == np.float64
    np.testing.assert_allclose(whole.xyz, xyz, rtol=0, atol=1e-6)
    for name, there in names(path).items():
        assert np.array_equal(whole.fields[there], fields[name])
        assert whole.fields[there].dtype.isnative
    assert {values.shape for values in whole.fields.values()} == {(COUNT, )}


def test_chunks_are_the_whole(path):
    whole, chunks = read_point_cloud(path), list(iter_point_cloud(path, CHUNK))
    assert [len(chunk.xyz) for chunk in chunks] == [10, 10, 5]
    assert np.array_equal(np.concatenate([chunk.xyz for chunk in chunks]), whole.xyz)
    for name, values in whole.fields.items():
        assert np.array_equal(np.concatenate([chunk.fields[name] for chunk in chunks]), values)


def predictions(path):
    start = 0
    for chunk in iter_point_cloud(path, CHUNK):
        index = np.arange(start, start + len(chunk.xyz))
        yield dict(classification=(index % 7).astype(np.uint8), confidence=(index / 100).astype(np.float32))
        start += len(index)


def test_copy_with_new_fields(path):
    target = path.with_name(f'copy{path.suffix}')
    before = path.read_bytes()
    copy_with_fields(path, target, predictions(path), CHUNK)
    old, new = read_point_cloud(path), read_point_cloud(target)
    assert np.array_equal(new.xyz, old.xyz) and path.read_bytes() == before
    index = np.arange(COUNT)
    if path.suffix == '.bin':
        assert np.array_equal(new.fields['label'], index % 7)
        assert np.array_equal(np.load(target.with_suffix('.npz'))['confidence'], (index / 100).astype(np.float32))
        return
    assert np.array_equal(new.fields['classification'], index % 7)
    np.testing.assert_allclose(new.fields['confidence'], index / 100, rtol=1e-6)
    for name in set(old.fields) - {'classification'}:
        assert np.array_equal(new.fields[name], old.fields[name]), name
    assert not [left for left in path.parent.iterdir() if 'part' in left.name]


def test_copy_onto_itself(path):
    old = read_point_cloud(path)
    copy_with_fields(path, path, predictions(path), CHUNK)
    assert np.array_equal(read_point_cloud(path).xyz, old.xyz)


def test_copy_keeps_what_is_no_field(tmp_path):
    for name in ('little.ply', 'ascii.ply', 'a.las', 'xyz.npz'):
        WRITERS[name](tmp_path / name)
        copy_with_fields(tmp_path / name, tmp_path / f'copy_{name}', predictions(tmp_path / name), CHUNK)
    for name in ('little.ply', 'ascii.ply'):
        old, new = (tmp_path / name).read_bytes(), (tmp_path / f'copy_{name}').read_bytes()
        assert new[-13:] == old[-13:] if 'little' in name else new.endswith(b'\n3 0 1 2\n')
        assert b'comment by hand\n' in new and b'element face 1\nproperty list uchar int vertex_indices\n' in new
        focus = new.split(b'end_header\n')[1][:4]
        assert focus == (b'7.5\n' if 'ascii' in name else np.float32(7.5).tobytes())
    assert laspy.read(tmp_path / 'copy_a.las')['normal'].shape == (COUNT, 3)
    assert np.load(tmp_path / 'copy_xyz.npz')['name'] == 'tile'


@pytest.mark.parametrize('encoding', ['ascii', 'binary_little_endian', 'binary_big_endian'])
def test_bool_in_ply(tmp_path, encoding):
    header = f'ply\nformat {encoding} 1.0\nelement vertex 2\n'
    header += ''.join(f'property float {axis}\n' for axis in 'xyz') + 'property bool seen\n'
    order = '>' if 'big' in encoding else '<'
    points = np.array([(1, 2, 3, 1), (4, 5, 6, 0)], [*((axis, f'{order}f4') for axis in 'xyz'), ('seen', 'u1')])
    body = b'1 2 3 1\n4 5 6 0\n' if encoding == 'ascii' else points.tobytes()
    (tmp_path / 'a.ply').write_bytes(f'{header}end_header\n'.encode() + body)
    copy_with_fields(tmp_path / 'a.ply', tmp_path / 'b.ply', [dict(score=np.array([7, 8]))])
    for name in ('a.ply', 'b.ply'):
        cloud = read_point_cloud(tmp_path / name)
        assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]] and cloud.fields['seen'].tolist() == [1, 0]
    assert cloud.fields['score'].tolist() == [7, 8]


def test_points_of_ply_may_have_another_name(tmp_path):
    """DALES Objects calls them testing."""
    points = np.array([(1, 2, 3, 7), (4, 5, 6, 8)], [*((axis, '<f4') for axis in 'xyz'), ('ins_class', '<i4')])
    header = ('ply\nformat binary_little_endian 1.0\nelement scan 1\nproperty float x\nelement testing 2\n'
              'property float x\nproperty float y\nproperty float z\nproperty int ins_class\nend_header\n')
    (tmp_path / 'a.ply').write_bytes(header.encode() + np.float32(9).tobytes() + points.tobytes())
    copy_with_fields(tmp_path / 'a.ply', tmp_path / 'b.ply', [dict(score=np.array([5, 6]))])
    for name in ('a.ply', 'b.ply'):
        cloud = read_point_cloud(tmp_path / name)
        assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]] and cloud.fields['ins_class'].tolist() == [7, 8]
    assert cloud.fields['score'].tolist() == [5, 6]
    assert (tmp_path / 'b.ply').read_bytes().split(b'end_header\n')[0].count(b'element testing 2\n') == 1


def test_las_becomes_laz(tmp_path):
    write_las(tmp_path / 'a.las')
    copy_with_fields(tmp_path / 'a.las', tmp_path / 'b.laz', predictions(tmp_path / 'a.las'), CHUNK)
    assert laspy.open(tmp_path / 'b.laz').header.are_points_compressed
    with pytest.raises(PointCloudError, match='b.ply: a.las can only be copied'):
        copy_with_fields(tmp_path / 'a.las', tmp_path / 'b.ply', [], CHUNK)


@pytest.mark.parametrize('fields, message', [
    ([dict(a=np.zeros(COUNT))], 'shape .* for a chunk of 10 points'),
    ([dict(a=np.zeros(10))], 'no fields for a chunk of 10'),
    ([dict(a=np.zeros(n)) for n in (10, 10, 5, 5)], 'more chunks'),
    ([dict(a=np.zeros(10)), dict(b=np.zeros(10)), dict(a=np.zeros(5))], 'same fields'),
])
def test_copy_refuses_fields_that_do_not_fit(path, fields, message):
    target = path.with_name(f'copy{path.suffix}')
    with pytest.raises(PointCloudError, match=message) as error:
        copy_with_fields(path, target, fields, CHUNK)
    assert path.name in str(error.value)
    assert not target.exists() and not [left for left in path.parent.iterdir() if 'part' in left.name]


def test_error_of_the_maker_of_new_fields_passes(path):

    def broken():
        yield next(predictions(path))
        raise ValueError('out of memory')

    with pytest.raises(ValueError, match='^out of memory$'):
        copy_with_fields(path, path.with_name(f'copy{path.suffix}'), broken(), CHUNK)
    assert not [left for left in path.parent.iterdir() if left.name.startswith('copy')]


def test_las_class_out_of_range(tmp_path):
    write_las(tmp_path / 'a.las')
    with pytest.raises(PointCloudError, match='a.las: classification 64 does not fit into LAS point format 3'):
        copy_with_fields(tmp_path / 'a.las', tmp_path / 'b.las', [dict(classification=np.full(COUNT, 64))])


@pytest.mark.parametrize('name, field, value, message', [
    ('a.las', 'intensity', 70000, 'intensity 70000 does not fit into uint16'),
    ('a.las', 'classification', -1, 'classification -1 does not fit into uint8'),
    ('a.las', 'a' * 33, 1, 'longer than the 32 bytes'),
    ('a.bin', 'classification', -1, 'classification -1 does not fit into uint32'),
])
def test_copy_wraps_no_value(tmp_path, name, field, value, message):
    WRITERS[name](tmp_path / name)
    with pytest.raises(PointCloudError, match=f'{name}: .*{message}'):
        copy_with_fields(tmp_path / name, tmp_path / f'b.{name}', [{field: np.full(COUNT, value)}])
    assert not list(tmp_path.glob('b.*'))


def test_truncated(path):
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2 + 1])
    if path.suffix in ('.csv', '.txt', '.xyz'):
        return  # a text table that ends early is a table
    with pytest.raises(PointCloudError) as error:
        read_point_cloud(path)
    assert path.name in str(error.value) and str(error.value).endswith('.')


def test_empty(path):
    path.write_bytes(b'')
    with pytest.raises(PointCloudError, match=path.name):
        list(iter_point_cloud(path))


def test_other_content(path):
    path.write_bytes(b'\x89PNG\r\n\x1a\n\xff\xfe\0\0' * 3)
    with pytest.raises(PointCloudError, match=path.name):
        read_point_cloud(path)


def npy_header(shape, data=20):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, dict(descr='<f8', fortran_order=False, shape=shape))
    return file.getvalue() + bytes(data)


def write_npy_header(path, shape, data=20):
    path.write_bytes(npy_header(shape, data))


def write_npz_header(path, shape):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('xyz.npy', npy_header(shape))


@pytest.mark.parametrize('name, write, message', [
    ('a.npy', lambda path: np.save(path, np.full((4, 3), np.nan)), '4 of the points 0 to 3 have NaN'),
    ('a.npy', lambda path: np.save(path, np.zeros((4, 2))), r'\(4, 2\)'),
    ('a.npy', lambda path: np.save(path, np.array([{}] * 4), allow_pickle=True), 'cannot be read'),
    ('a.npy', lambda path: np.save(path, np.zeros((0, 3))), 'no points'),
    ('a.npz', lambda path: np.savez(path, cloud=np.zeros((4, 3))), 'none of xyz'),
    ('a.csv', lambda path: path.write_text('x,y,label\n1,2,3\n'), 'no z'),
    ('a.csv', lambda path: path.write_text('1,2\n'), '2 columns'),
    ('a.csv', lambda path: path.write_text('x,y,z\n1,2,3\n1,2,a\n'), "'z' is not all numbers"),
    ('a.csv', lambda path: path.write_text('x,y,z\n1,2,3\n1,2,3,4\n'), 'same number of columns'),
    ('a.bin', lambda path: path.write_bytes(bytes(17)), '17 bytes'),
    ('a.npy', lambda path: write_npy_header(path, (1 << 31, 3)), 'has 2,147,483,648 points, for which its 148 bytes'),
    ('a.npy', lambda path: write_npy_header(path, (4, 3), 8 * 11), 'has 4 points, for which its 216 bytes are too few'),
    ('a.npz', lambda path: write_npz_header(path, (1 << 31, 3)), 'has 2,147,483,648 points, for which its 148 bytes'),
    ('a.ply', lambda path: path.write_bytes(ply_header('ascii').replace(b'x 25', b'x 2147483648') + b'1 2 3 4 5\n'),
     'has 2,147,483,648 points, for which its 10 bytes are too few. The file is damaged or truncated: copy it again'),
    ('a.ply', lambda path: path.write_bytes(ply_header('ascii').replace(b'x 25', b'x -1')), 'has -1 points'),
    *(('a.ply', lambda path, encoding=encoding: path.write_bytes(
        ply_header(encoding).replace(b'x 25', b'x 2147483648') + bytes(999)), 'has 2,147,483,648 points, for which its')
      for encoding in ('binary_little_endian', 'binary_big_endian')),
    ('a.ply', lambda path: path.write_text('ply\nformat ascii 1.0\nelement vertex 1\nproperty list uchar int a\n'
                                           'end_header\n'), 'list'),
    ('a.ply', lambda path: path.write_text('ply\nformat ascii 1.0\nelement vertex 1\nproperty odd a\nend_header\n'),
     'cannot be understood'),
    ('a.asc', lambda path: path.write_text('1 2 3'), 'not a known format'),
    ('a.las', lambda path: None, 'does not exist'),
])
def test_errors(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(PointCloudError, match=message) as error:
        read_point_cloud(tmp_path / name)
    assert name in str(error.value)


def test_labels_of_another_scan(tmp_path):
    write_bin(tmp_path / 'a.bin')
    (tmp_path / 'a.label').write_bytes(bytes(8))
    with pytest.raises(PointCloudError, match='a.label has 8 bytes'):
        read_point_cloud(tmp_path / 'a.bin')


def test_labels_in_a_folder_and_colours_of_npz(tmp_path):
    (tmp_path / 'velodyne').mkdir()
    (tmp_path / 'labels').mkdir()
    write_bin(tmp_path / 'velodyne/a.bin')
    (tmp_path / 'velodyne/a.label').rename(tmp_path / 'labels/a.label')
    assert 'label' in read_point_cloud(tmp_path / 'velodyne/a.bin').fields
    np.savez(tmp_path / 'a.npz', points=np.ones((2, 4)), colors=np.eye(2, 3), normal=np.eye(2, 3), extrinsic=np.eye(4))
    assert set(read_point_cloud(tmp_path / 'a.npz').fields) == {
        'column_4', 'red', 'green', 'blue', 'normal_0', 'normal_1', 'normal_2'}


@pytest.mark.parametrize('dtype', [
    [('X', 'f8'), ('Y', 'f8'), ('Z', 'f8'), ('label', 'u1')], [('xyz', 'f8', 3), ('label', 'u1')],
    [('points', 'f4', 3), ('colors', 'u1', 3), ('label', 'u1'), ('name', 'U3')]])
def test_structured_npz(tmp_path, dtype):
    array = np.zeros(4, dtype)
    array[array.dtype.names[0]] = np.arange(4) if array.dtype[0].shape == () else np.arange(4)[:, None]
    array['label'] = [3, 4, 5, 6]
    np.savez(tmp_path / 'a.npz', cloud=array, weight=np.arange(4))
    copy_with_fields(tmp_path / 'a.npz', tmp_path / 'b.npz', [dict(label=np.arange(4), score=np.ones(4))])
    for name, labels in (('a.npz', [3, 4, 5, 6]), ('b.npz', [0, 1, 2, 3])):
        cloud = read_point_cloud(tmp_path / name)
        assert cloud.xyz[:, 0].tolist() == [0, 1, 2, 3] and cloud.fields['label'].tolist() == labels
        assert cloud.fields['weight'].tolist() == [0, 1, 2, 3]
        assert ('red' in cloud.fields) == ('colors' in array.dtype.names)
    assert np.load(tmp_path / 'b.npz')['cloud'].dtype == array.dtype
