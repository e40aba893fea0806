"""LAS of every version and point format, plain and compressed, with extra bytes of all kinds, is read and copied."""
import itertools
import struct

import laspy
import lazrs
import numpy as np
import pytest
from laspy.point.dims import supported_versions
from laspy.vlrs.known import LasZipVlr

from erda.clouds.cloud_files import PointCloudError, check_copy, copy_with_fields, count_points, iter_point_cloud

COUNT = 25
ORIGIN = np.array([652000., 6862000., 35.])
EXTRA = {
    'no extra bytes': (),
    'numbers': (laspy.ExtraBytesParams('height', np.float32), laspy.ExtraBytesParams('ring', np.int16)),
    'scaled': (laspy.ExtraBytesParams('height', np.int32, scales=np.array([0.001]), offsets=np.array([0.1])), ),
    'vectors': (laspy.ExtraBytesParams('normal', '3f4'), laspy.ExtraBytesParams('pair', '2u2')),
}
FORMATS = {'1.0': (0, 1), '1.1': (0, 1), '1.2': (0, 1, 2, 3), '1.3': (0, 3, 4, 5), '1.4': (0, 3, 6, 7, 8, 9, 10)}
SCALES, KINDS = itertools.cycle((0.01, 0.001, 1e-7)), itertools.cycle(EXTRA)
VARIANTS = [(version, number, next(SCALES), next(KINDS)) for version, numbers in FORMATS.items() for number in numbers]
VARIANTS += [('1.4', 7, 0.001, extra) for extra in EXTRA]


def tile(version='1.4', point_format=6, scale=0.001, extra='no extra bytes', origin=ORIGIN):
    """Points with something in each dimension, and a record that is nobody's."""
    header = laspy.LasHeader(point_format=point_format, version=max(version, '1.2') if point_format < 6 else version)
    header.scales, header.offsets = [scale] * 3, origin
    header.add_extra_dims(list(EXTRA[extra]))
    header.vlrs.append(laspy.VLR('somebody', 7, 'a record', b'kept'))
    las, rng = laspy.LasData(header), np.random.default_rng(0)
    las.points = laspy.ScaleAwarePointRecord.zeros(COUNT, header=header)
    for name in header.point_format.dimension_names:
        values = las.points.array[name] if name in las.points.array.dtype.names else None
        if values is None:  # a part of a byte
            las[name] = rng.integers(0, 2, COUNT)
        elif values.dtype.kind == 'f':
            values[:] = rng.uniform(0, 9, values.shape)
        else:
            values[:] = rng.integers(0, 100, values.shape)
    return las


def write(path, las, version=None):
    las.write(path, laz_backend=laspy.LazBackend.Lazrs)
    if version in ('1.0', '1.1'):  # laspy writes no 1.0
        content = bytearray(path.read_bytes())
        content[25] = int(version[-1])
        if version == '1.0':
            content[4:8] = b'\1\2\3\4'  # without a meaning then
        path.write_bytes(content)
    return path


def write_copc(path, point_format=6, chunks=(7, 13, 5), origin=ORIGIN):
    """The order of octree cells in chunks of unequal size, a record on them, and one behind the points."""
    las = tile('1.4', point_format, origin=origin)
    vlr = lazrs.LazVlr.new_for_compression(point_format, 0, use_variable_size_chunks=True)
    header = las.header
    header.vlrs.insert(0, laspy.VLR('copc', 1, 'copc info', bytes(160)))
    header.vlrs.append(LasZipVlr(vlr.record_data()))
    header.are_points_compressed, header.number_of_evlrs = True, 1
    header.update(las.points)
    with path.open('wb') as file:
        header.write_to(file)
        compressor = lazrs.LasZipCompressor(file, vlr)
        compressor.reserve_offset_to_chunk_table()
        for stop in np.cumsum(chunks):
            compressor.compress_many(np.frombuffer(las.points.array[:stop][-chunks[0]:].tobytes(), np.uint8))
            compressor.finish_current_chunk()
            chunks = chunks[1:]
        compressor.done()
        header.start_of_first_evlr, header.number_of_evlrs = file.tell(), 1
        laspy.vlrs.vlrlist.VLRList([laspy.VLR('copc', 1000, 'hierarchy', bytes(32))]).write_to(file, as_extended=True)
        file.seek(0)
        header.write_to(file)
    return path, las


def predictions(path, chunk_points):
    start = 0
    for chunk in iter_point_cloud(path, chunk_points):
        index = np.arange(start, start + len(chunk.xyz))
        yield dict(classification=(index % 7).astype(np.uint8), confidence=(index / 100).astype(np.float32))
        start += len(index)


def assert_copied(las, copied):
    for name in las.point_format.dimension_names:
        if name != 'classification':
            np.testing.assert_array_equal(np.asarray(copied[name]), np.asarray(las[name]), err_msg=name)
    assert np.asarray(copied.classification).tolist() == [i % 7 for i in range(COUNT)]
    np.testing.assert_allclose(copied['confidence'], np.arange(COUNT) / 100, rtol=1e-6)
    np.testing.assert_array_equal(copied.header.offsets, las.header.offsets)
    np.testing.assert_array_equal(copied.header.scales, las.header.scales)
    assert [record.record_data_bytes() for record in copied.header.vlrs if record.user_id == 'somebody'] == [b'kept']


@pytest.mark.parametrize('suffix', ['.las', '.laz'])
@pytest.mark.parametrize('version, point_format, scale, extra', VARIANTS)
def test_every_version_and_format(tmp_path, version, point_format, scale, extra, suffix):
    las = tile(version, point_format, scale, extra)
    if suffix == '.laz' and point_format in (4, 5, 9, 10):
        return  # see test_waveforms_are_not_compressed
    path = write(tmp_path / f'a{suffix}', las, version)
    assert count_points(path) == COUNT
    chunks = list(iter_point_cloud(path, 10))
    xyz = np.concatenate([chunk.xyz for chunk in chunks])
    np.testing.assert_allclose(xyz, las.xyz, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([chunk.fields['intensity'] for chunk in chunks]), las.intensity)
    assert ('height' in chunks[0].fields) == (extra in ('numbers', 'scaled'))
    if extra == 'scaled':
        np.testing.assert_allclose(chunks[0].fields['height'], las['height'][:10])
    target, fields = tmp_path / f'copy{suffix}', next(predictions(path, 10))
    changes = check_copy(path, target, fields)
    copy_with_fields(path, target, predictions(path, 10), 10)
    copied = laspy.read(target)
    assert_copied(las, copied)
    if version == '1.0':
        assert changes == [f'it is LAS 1.0 with point format {point_format}; the result is LAS 1.2']
        assert copied.header.file_source_id == 0 and copied.header.global_encoding.value == 0
    else:
        assert not changes and str(copied.header.version) == version
    assert str(copied.header.version) == max(version, '1.2' if version == '1.0' else version)


def test_the_table_has_every_version_and_format():
    assert set(FORMATS) == supported_versions() - {'1.5'} | {'1.0'}
    assert set(itertools.chain(*FORMATS.values())) == set(range(11))


@pytest.mark.parametrize('point_format', [6, 7, 8])
def test_copc_becomes_plain_laz(tmp_path, point_format):
    path, las = write_copc(tmp_path / 'a.copc.laz', point_format)
    assert laspy.open(path).header.vlrs[0].user_id == 'copc'
    np.testing.assert_allclose(np.concatenate([chunk.xyz for chunk in iter_point_cloud(path, 10)]), las.xyz)
    target = tmp_path / 'copy.laz'
    assert check_copy(path, target, next(predictions(path, 10))) == [
        'it is COPC; the result is without its index, which needs another order of the points']
    copy_with_fields(path, target, predictions(path, 10), 10)
    assert_copied(las, laspy.read(target))
    assert b'copc' not in target.read_bytes()
    with pytest.raises(PointCloudError, match=r'b.copc.laz: this format cannot be written. Name it b.laz.'):
        check_copy(path, tmp_path / 'b.copc.laz', next(predictions(path, 10)))


def test_a_format_that_its_version_has_not_gets_the_next_version(tmp_path):
    path = write(tmp_path / 'a.las', tile('1.2', 3))
    content = bytearray(path.read_bytes())
    content[25] = 1
    path.write_bytes(content)
    assert check_copy(path, path, next(predictions(path, 10))) == [
        'it is LAS 1.1 with point format 3; the result is LAS 1.2']
    copy_with_fields(path, path, predictions(path, 10), 10)
    assert_copied(tile('1.2', 3), laspy.read(path))


@pytest.mark.parametrize('point_format', [4, 5, 9, 10])
def test_waveforms_are_not_compressed(tmp_path, point_format):
    path = write(tmp_path / 'a.las', tile('1.4', point_format))
    with pytest.raises(PointCloudError, match=f'a.las: LAZ of point format {point_format}, which has waveforms, cannot '
                                              'be written. Convert it to LAS or to a point format without them.'):
        check_copy(path, tmp_path / 'a.laz', next(predictions(path, 10)))


def test_what_the_library_cannot_write_is_said_before(tmp_path):
    path = write(tmp_path / 'a.las', tile())
    path.write_bytes(path.read_bytes().replace(b'somebody', 'somebød'.encode(), 1))
    with pytest.raises(PointCloudError, match='a.las: it can be read, but not be written again .* Convert it to '
                                              'another version of LAS or to PLY'):
        check_copy(path, tmp_path / 'b.las', next(predictions(path, 10)))


@pytest.mark.parametrize('fields, message', [
    (dict(classification=np.array([2, 32])), 'classification 32 does not fit into LAS point format 3'),
    (dict(intensity=np.array([70000])), 'intensity 70000 does not fit into uint16'),
    ({'a' * 33: np.zeros(1)}, 'longer than the 32 bytes'),
])
def test_values_that_do_not_fit_are_said_before(tmp_path, fields, message):
    path = write(tmp_path / 'a.las', tile('1.2', 3))
    with pytest.raises(PointCloudError, match=f'a.las: .*{message}'):
        check_copy(path, tmp_path / 'b.las', fields)


def claim(content, **numbers):
    """The header with other numbers in it."""
    content = bytearray(content)
    places = dict(start=(96, '<I'), records=(100, '<I'), old_count=(107, '<I'), extended_start=(235, '<Q'),
                  extended=(243, '<I'), count=(247, '<Q'))
    for name, number in numbers.items():
        struct.pack_into(places[name][1], content, places[name][0], number)
    return bytes(content)


BILLIONS = 2_000_000_000


@pytest.mark.parametrize('version, suffix, numbers, message', [
    ('1.2', '.las', dict(old_count=BILLIONS), 'its header says that it has 2,000,000,000 points, for which its'),
    ('1.4', '.las', dict(count=BILLIONS), 'its header says that it has 2,000,000,000 points, for which its'),
    ('1.4', '.las', dict(count=COUNT + 1), f'its header says that it has {COUNT + 1} points, for which its'),
    ('1.2', '.laz', dict(old_count=BILLIONS), 'its header says that it has 2,000,000,000 points, for which its'),
    ('1.4', '.laz', dict(count=BILLIONS), 'its header says that it has 2,000,000,000 points, for which its'),
    ('1.4', '.copc.laz', dict(count=COUNT + 1), f'its header says that it has {COUNT + 1} points, for which its'),
    ('1.4', '.las', dict(records=BILLIONS), 'its header says that 2,000,000,000 records end at byte'),
    ('1.4', '.las', dict(start=BILLIONS), 'its header says that 1 records end at byte 2,000,000,000 of'),
    ('1.4', '.las', dict(extended=BILLIONS, extended_start=400), 'its header says that 2,000,000,000 records begin at'),
])
def test_a_damaged_header_takes_no_memory(tmp_path, version, suffix, numbers, message):
    path = tmp_path / f'a{suffix}'
    if 'copc' in suffix:
        write_copc(path)
    else:
        write(path, tile(version, 6 if version == '1.4' else 3))
    path.write_bytes(claim(path.read_bytes(), **numbers))
    with pytest.raises(PointCloudError) as error:
        count_points(path)
    assert message in str(error.value) and str(error.value).endswith('or truncated: copy it again.')


@pytest.mark.parametrize('cut', [8, 100])
def test_a_truncated_laz_is_known_from_its_head(tmp_path, cut):
    path = write(tmp_path / 'a.laz', tile())
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(PointCloudError, match='a.laz: its table of compressed points is not in it'):
        count_points(path)


def test_a_laz_of_a_stream_has_its_table_at_the_end(tmp_path):
    path = write(tmp_path / 'a.laz', tile())
    content = bytearray(path.read_bytes())
    start = int.from_bytes(content[96:100], 'little')
    table = content[start:start + 8]
    content[start:start + 8] = (-1).to_bytes(8, 'little', signed=True)
    path.write_bytes(content + table)
    assert count_points(path) == COUNT
