import hashlib
import json
import os

import numpy as np
import pytest

from erda.synthetic import lidar
from erda.synthetic.lidar import MANIFEST_NAME, simulate_scan, write_synthetic_semantickitti
from erda.synthetic.lidar_sensor import LidarSensor

COARSE = LidarSensor(beams=16, azimuth_steps=300)
FRAMES = {'00': 2, '08': 1}
# Raw ids of SemanticKITTI's semantic-kitti.yaml that are not moving objects.
RAW_IDS = {0, 1, 10, 11, 13, 15, 16, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 52, 60, 70, 71, 72,
           80, 81, 99}
VOID_OR_MARKING = {0, 1, 52, 99, 60}


@pytest.fixture(scope='module')
def scans():
    return [simulate_scan(0, sequence, frame) for sequence in range(3) for frame in (0, 4)]


def digest(folder):
    found = sorted(path for path in folder.rglob('*') if path.is_file())
    content = [(str(path.relative_to(folder)), path.read_bytes()) for path in found]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def write(out, frames=FRAMES, **arguments):
    arguments = {'sensor': COARSE, 'workers': 1, 'progress': False, **arguments}
    return write_synthetic_semantickitti(out, frames, **arguments)


def test_scans_are_well_formed(scans):
    for points, labels in scans:
        assert points.dtype == np.float32 and labels.dtype == np.uint32
        assert points.shape == (len(labels), 4)
        assert 15_000 < len(labels) < 32_000
        assert np.isfinite(points).all()
        ranges = np.linalg.norm(points[:, :3].astype(np.float64), axis=1)
        assert ranges.max() <= LidarSensor().max_range
        assert ranges.min() > 0.1
        assert points[:, 3].min() >= 0 and points[:, 3].max() <= 1


def test_labels_are_raw_ids_of_at_least_twelve_classes(scans):
    seen = set(np.unique(np.concatenate([scan.labels for scan in scans])).tolist())
    assert seen <= RAW_IDS
    assert len(seen - VOID_OR_MARKING) >= 12


def test_the_road_lies_sensor_height_below(scans):
    for points, labels in scans:
        near_road = (labels == 40) & (np.hypot(points[:, 0], points[:, 1]) < 6)
        assert np.median(points[near_road, 2]) == pytest.approx(-1.73, abs=0.15)


def test_frames_sequences_and_seeds_differ():
    scans = [simulate_scan(*arguments, COARSE)
             for arguments in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]]
    assert len({scan.points.tobytes() for scan in scans}) == 4


def test_same_arguments_give_the_same_bytes():
    first, again = simulate_scan(3, 2, 1, COARSE), simulate_scan(3, 2, 1, COARSE)
    assert first.points.tobytes() == again.points.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()


def test_negative_arguments_are_refused():
    with pytest.raises(ValueError, match='must not be negative'):
        simulate_scan(0, 0, -1)


def test_bytes_do_not_depend_on_workers_or_order(tmp_path):
    assert write(tmp_path / 'one') == 3
    assert write(tmp_path / 'two', dict(reversed(FRAMES.items())), workers=2) == 3
    assert digest(tmp_path / 'one') == digest(tmp_path / 'two')


def test_files_are_semantickitti(tmp_path):
    write(tmp_path)
    scan = simulate_scan(0, 8, 0, COARSE)
    folder = tmp_path / 'sequences' / '08'
    points = np.fromfile(folder / 'velodyne' / '000000.bin', dtype=np.float32).reshape(-1, 4)
    labels = np.fromfile(folder / 'labels' / '000000.label', dtype=np.uint32)
    assert np.array_equal(points, scan.points)
    assert np.array_equal(labels, scan.labels)


def test_second_run_keeps_what_is_there_and_adds_what_is_new(tmp_path):
    write(tmp_path)
    kept = tmp_path / 'sequences/00/velodyne/000000.bin'
    before = kept.stat().st_mtime_ns
    assert write(tmp_path) == 0
    assert write(tmp_path, {**FRAMES, '00': 3}) == 1
    assert kept.stat().st_mtime_ns == before


def test_scans_that_are_not_asked_for_are_no_part_of_the_data(tmp_path):
    write(tmp_path)
    with pytest.raises(ValueError, match='holds 2 scans beside the 1 that are asked for, such as .*000000.bin'):
        write(tmp_path, {'08': 1})


def test_a_truncated_scan_is_written_again(tmp_path):
    write(tmp_path)
    before = digest(tmp_path)
    os.truncate(tmp_path / 'sequences/00/velodyne/000001.bin', 100)
    assert write(tmp_path) == 1
    assert digest(tmp_path) == before


def test_an_interrupted_run_leaves_no_partial_scan_and_can_be_continued(tmp_path, monkeypatch):
    def stop_before_rename(source, target):
        if str(target).endswith('000001.bin'):
            raise KeyboardInterrupt
        replace(source, target)

    replace = os.replace
    with monkeypatch.context() as patched:
        # In this process, because an interrupt in a worker would end the worker.
        patched.setattr(os, 'replace', stop_before_rename)
        patched.setattr(lidar, 'run_in_processes',
                        lambda function, calls, *args: [function(*arguments) for arguments in calls])
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path)
    assert [path.name for path in (tmp_path / 'sequences/00/velodyne').iterdir()] == ['000000.bin']
    assert write(tmp_path) == 2


def test_an_error_in_a_worker_is_raised_and_the_manifest_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(lidar, 'simulate_scan', None)
    with pytest.raises(TypeError):
        write(tmp_path)
    assert [path.name for path in tmp_path.rglob('*') if path.is_file()] == [MANIFEST_NAME]


@pytest.mark.parametrize(('other', 'message'), [
    ({'seed': 1}, 'seed is 0 there, 1 asked'),
    ({'sensor': LidarSensor(beams=8, azimuth_steps=300)}, 'beams is 16 there, 8 asked')])
def test_other_parameters_in_the_same_folder_are_refused(tmp_path, other, message):
    write(tmp_path)
    before = digest(tmp_path)
    with pytest.raises(ValueError, match=message):
        write(tmp_path, **other)
    assert digest(tmp_path) == before


def test_real_data_is_never_mixed_with_synthetic(tmp_path):
    (tmp_path / 'sequences' / '00').mkdir(parents=True)
    with pytest.raises(ValueError, match='not made here'):
        write(tmp_path)
    assert not (tmp_path / MANIFEST_NAME).exists()


def test_manifest_holds_the_parameters(tmp_path):
    write(tmp_path, seed=5)
    manifest = json.loads((tmp_path / MANIFEST_NAME).read_text())
    assert manifest['seed'] == 5 and manifest['beams'] == 16


@pytest.mark.parametrize('wrong', [{'workers': 0}, {'seed': -1}])
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match='need workers >= 1 and seed >= 0'):
        write(tmp_path / 'out', **wrong)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('frames', 'message'), [
    ({}, 'at least one sequence'), ({'00': 0}, 'at least one scan'), ({'a': 1}, 'are numbers')])
def test_frames_that_ask_for_nothing_are_refused(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / 'out', frames)
    assert not (tmp_path / 'out').exists()
