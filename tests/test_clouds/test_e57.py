"""E57 files are read scan by scan and copied to PLY."""
import sys

import numpy as np
import pytest

from erda.clouds.cloud_files import (
    PointCloudError,
    assumptions,
    check_copy,
    copy_with_fields,
    count_points,
    field_names,
    iter_point_cloud,
    read_point_cloud,
)

pye57 = pytest.importorskip('pye57')
TURN = np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)])  # a quarter about z: x becomes y
MOVED = np.array([100., 200., 10.])


def write(path, counts=(30, 20), invalid=False, colours=True):
    rng, scans = np.random.default_rng(0), []
    with pye57.E57(str(path), mode='w') as file:
        for number, count in enumerate(counts):
            scan = dict(zip(('cartesianX', 'cartesianY', 'cartesianZ'), rng.uniform(-5, 5, (3, count))))
            scan['intensity'] = rng.random(count).astype(np.float32)
            if colours or number:
                scan.update({f'color{name}': rng.integers(0, 256, count).astype(np.uint8)
                             for name in ('Red', 'Green', 'Blue')})
            if invalid:
                scan['cartesianInvalidState'] = (np.arange(count) % 3 == 0).astype(np.int8)
            pose = dict(rotation=TURN, translation=MOVED) if number else {}
            file.write_scan_raw(scan, **pose)
            scans.append(scan)
    return path, scans


def expected(scans):
    """All valid points in the coordinates of the first scan."""
    xyz, intensity = [], []
    for number, scan in enumerate(scans):
        valid = scan.get('cartesianInvalidState', np.zeros(len(scan['intensity']))) == 0
        x, y, z = (scan[f'cartesian{axis}'][valid] for axis in 'XYZ')
        xyz.append(np.stack([-y, x, z], axis=1) + MOVED if number else np.stack([x, y, z], axis=1))
        intensity.append(scan['intensity'][valid])
    return np.concatenate(xyz), np.concatenate(intensity)


@pytest.mark.parametrize('invalid', [False, True])
@pytest.mark.parametrize('chunk', [7, 30, 1000])
def test_scans_become_one_cloud(tmp_path, invalid, chunk):
    path, scans = write(tmp_path / 'a.e57', invalid=invalid)
    xyz, intensity = expected(scans)
    chunks = list(iter_point_cloud(path, chunk))
    assert [len(part.xyz) for part in chunks[:-1]] == [chunk] * (len(chunks) - 1) and len(chunks[-1].xyz) <= chunk
    np.testing.assert_allclose(np.concatenate([part.xyz for part in chunks]), xyz, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([part.fields['intensity'] for part in chunks]), intensity)
    assert count_points(path) == len(xyz) and not assumptions(path)
    assert chunks[0].fields['red'].dtype == np.uint8
    assert field_names(path) == ['x', 'y', 'z', 'intensity', 'red', 'green', 'blue']


def test_fields_that_one_scan_lacks_are_left_out(tmp_path):
    path, _ = write(tmp_path / 'a.e57', colours=False)
    assert set(read_point_cloud(path).fields) == {'intensity'}


def test_the_copy_is_ply(tmp_path):
    path, scans = write(tmp_path / 'a.e57')
    fields = [dict(predicted_class=np.arange(start, start + size) % 3) for start, size in ((0, 20), (20, 20), (40, 10))]
    assert check_copy(path, tmp_path / 'a.ply', fields[0]) == [
        'it is E57, which has no place for classes; the result is PLY, without its pictures']
    copy_with_fields(path, tmp_path / 'a.ply', fields, 20)
    copied, original = read_point_cloud(tmp_path / 'a.ply'), read_point_cloud(path)
    np.testing.assert_array_equal(copied.xyz, original.xyz)
    for name, values in original.fields.items():
        np.testing.assert_array_equal(copied.fields[name], values)
    assert copied.fields['predicted_class'].tolist() == (np.arange(50) % 3).tolist()
    with pytest.raises(PointCloudError, match='b.e57: this format cannot be written. Name it b.ply.'):
        check_copy(path, tmp_path / 'b.e57', fields[0])


def test_damaged(tmp_path):
    path, _ = write(tmp_path / 'a.e57')
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(PointCloudError, match='a.e57: it cannot be read'):
        count_points(path)
    path.write_bytes(b'')
    with pytest.raises(PointCloudError, match='a.e57'):
        count_points(path)
    assert path.exists(), 'the library deletes what it cannot write'


def test_without_the_library(tmp_path, monkeypatch):
    path, _ = write(tmp_path / 'a.e57')
    monkeypatch.delitem(sys.modules, 'erda.clouds.e57', raising=False)
    monkeypatch.setitem(sys.modules, 'pye57', None)
    with pytest.raises(PointCloudError, match='a.e57: E57 files need pye57 .*. Run: pip install pye57.'):
        read_point_cloud(path)
