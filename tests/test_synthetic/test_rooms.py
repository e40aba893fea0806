import hashlib
import importlib.util
import json
import os
from pathlib import Path

import mmdet3d
import mmengine
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from erda.synthetic import rooms
from erda.synthetic.room_surfaces import CEILING, CLASSES, FLOOR
from erda.synthetic.room_walls import WALL_DEPTH
from erda.synthetic.rooms import (
    AREAS,
    MANIFEST_NAME,
    resampled_rooms,
    room_name,
    simulate_room,
    write_synthetic_s3dis,
)

ROOMS = {1: 2, 5: 1}
MIM = Path(mmdet3d.__file__).parent / '.mim'


def digest(folder):
    found = sorted(path for path in folder.rglob('*') if path.is_file())
    content = [(str(path.relative_to(folder)), path.read_bytes()) for path in found]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def write(root, rooms=ROOMS, **arguments):
    return write_synthetic_s3dis(root, rooms, **{'workers': 1, 'progress': False, **arguments})


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """Two rooms of every area; tests read it only."""
    root = tmp_path_factory.mktemp('s3dis')
    assert write(root, dict.fromkeys(AREAS, 2), workers=2) == 12
    return root


@pytest.fixture(scope='module')
def scans():
    return [simulate_room(0, area, index) for area in (1, 5) for index in range(8)]


def test_scans_are_well_formed(scans):
    for points, semantic, instance in scans:
        assert points.dtype == np.float32 and semantic.dtype == instance.dtype == np.int64
        assert points.shape == (len(semantic), 6) and len(semantic) == len(instance)
        assert 32_000 < len(points) < 82_000
        assert np.isfinite(points).all()
        assert points[:, 3:].min() >= 0 and points[:, 3:].max() <= 255


def test_rooms_show_all_classes(scans):
    shares = np.mean([np.bincount(scan.semantic_mask, minlength=13) / len(scan.points) for scan in scans], axis=0)
    assert (shares > 0.002).all()
    assert shares[:3].sum() > 0.4


def test_the_floor_is_below_everything_and_the_ceiling_above(scans):
    for points, semantic, _ in scans:
        height = points[:, 2]
        assert height[semantic == FLOOR].max() < 0.05
        assert height[semantic == CEILING].min() > 2.4
        assert height[semantic == CEILING].min() > height.max() - 0.05


def test_points_stay_in_the_box_of_floor_and_wall_thickness(scans):
    for points, semantic, _ in scans:
        floor = points[semantic == FLOOR, :2]
        assert (points[:, :2].max(axis=0) < floor.max(axis=0) + WALL_DEPTH + 0.05).all()
        assert (floor.min(axis=0) < WALL_DEPTH + 0.05).all()


def test_rooms_differ_by_seed_area_and_index():
    scans = [simulate_room(*arguments) for arguments in [(0, 1, 0), (0, 1, 4), (0, 2, 0), (1, 1, 0)]]
    assert len({scan.points.tobytes() for scan in scans}) == 4


@pytest.mark.parametrize('wrong', [(-1, 1, 0), (0, 7, 0), (0, 1, -1)])
def test_bad_rooms_are_refused(wrong):
    with pytest.raises(ValueError, match='need seed >= 0'):
        simulate_room(*wrong)


def test_bytes_do_not_depend_on_workers_or_order(tmp_path):
    assert write(tmp_path / 'one') == 3
    assert write(tmp_path / 'two', dict(reversed(ROOMS.items())), workers=2) == 3
    assert digest(tmp_path / 'one') == digest(tmp_path / 'two')


def test_files_hold_the_scan(written):
    scan, name = simulate_room(0, 5, 1), f'{room_name(5, 1)}.bin'
    assert np.array_equal(np.fromfile(written / 'points' / name, dtype=np.float32).reshape(-1, 6), scan.points)
    for folder, mask in [('semantic_mask', scan.semantic_mask), ('instance_mask', scan.instance_mask)]:
        assert np.array_equal(np.fromfile(written / folder / name, dtype=np.int64), mask)


def test_infos_list_the_files(written):
    for area in AREAS:
        infos = mmengine.load(written / f's3dis_infos_Area_{area}.pkl')
        assert infos['metainfo']['info_version'] == '1.1'
        assert [info['lidar_points']['lidar_path'] for info in infos['data_list']] == [
            f'{room_name(area, index)}.bin' for index in range(2)]
        for info in infos['data_list']:
            assert (written / 'semantic_mask' / info['pts_semantic_mask_path']).is_file()
            assert (written / 'instance_mask' / info['pts_instance_mask_path']).is_file()


def converter():
    path = MIM / 'tools/dataset_converters/s3dis_data_utils.py'
    if not path.exists():
        pytest.skip('this mmdet3d is installed without its converters')
    spec = importlib.util.spec_from_file_location('s3dis_data_utils', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_weights_and_room_indices_are_those_of_mmdet3ds_converter(written, tmp_path):
    infos = mmengine.load(written / 's3dis_infos_Area_1.pkl')
    old_infos = [{'pts_semantic_mask_path': f'semantic_mask/{info["pts_semantic_mask_path"]}'}
                 for info in infos['data_list']]
    mmengine.dump(old_infos, tmp_path / 'old.pkl')
    rooms, weight = converter().S3DISSegData(
        str(written), str(tmp_path / 'old.pkl')).get_scene_idxs_and_label_weight()
    for stem, expected in [('resampled_scene_idxs', rooms), ('label_weight', weight)]:
        found = np.load(written / 'seg_info' / f'Area_1_{stem}.npy')
        assert found.dtype == expected.dtype and np.array_equal(found, expected)


def test_boxes_are_those_of_mmdet3ds_converter(written, tmp_path):
    (tmp_path / 'Stanford3dDataset_v1.2_Aligned_Version' / 'Area_1').mkdir(parents=True)
    info = mmengine.load(written / 's3dis_infos_Area_1.pkl')['data_list'][0]
    scan = simulate_room(0, 1, 0)
    boxes = converter().S3DISData(str(tmp_path)).get_bboxes(*scan[:1], scan.instance_mask, scan.semantic_mask)
    assert len(info['instances']) == boxes['gt_num'] > 0
    assert [item['bbox_label_3d'] for item in info['instances']] == boxes['class'].tolist()
    assert np.allclose([item['bbox_3d'] for item in info['instances']], boxes['gt_boxes_upright_depth'], atol=1e-5)


def test_mmdet3ds_own_config_loads_the_rooms(written):
    from mmdet3d.registry import DATASETS
    init_default_scope('mmdet3d')
    cfg = Config.fromfile(MIM / 'configs/_base_/datasets/s3dis-seg.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(written)
    train, test = DATASETS.build(cfg.train_dataloader.dataset), DATASETS.build(cfg.test_dataloader.dataset)

    assert len(train) == sum(len(np.load(written / f'seg_info/Area_{area}_resampled_scene_idxs.npy'))
                             for area in (1, 2, 3, 4, 6))
    item = train[len(train) - 1]
    assert item['inputs']['points'].shape == (4096, 9)
    assert item['data_samples'].gt_pts_seg.pts_semantic_mask.min() >= 0
    assert item['data_samples'].gt_pts_seg.pts_semantic_mask.max() < len(CLASSES)
    assert item['inputs']['points'][:, 3:6].min() >= 0 and item['inputs']['points'][:, 3:6].max() <= 1

    assert len(test) == 2
    item = test[1]
    assert np.array_equal(item['data_samples'].eval_ann_info['pts_semantic_mask'], simulate_room(0, 5, 1).semantic_mask)


def test_large_rooms_are_drawn_more_often():
    assert np.bincount(resampled_rooms([40_960, 81_920])).tolist() == [10, 20]


def test_second_run_keeps_what_is_there_and_adds_what_is_new(tmp_path):
    write(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*') if path.is_file()}
    assert write(tmp_path) == 0
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*') if path.is_file()}
    assert write(tmp_path, {5: 2}) == 1
    assert len(mmengine.load(tmp_path / 's3dis_infos_Area_5.pkl')['data_list']) == 2
    kept = tmp_path / 'points' / f'{room_name(1, 0)}.bin'
    assert kept.stat().st_mtime_ns == times[kept]


@pytest.mark.parametrize('folder', ['points', 'semantic_mask', 'instance_mask'])
def test_a_truncated_room_is_written_again(tmp_path, folder):
    write(tmp_path, {1: 1})
    before = digest(tmp_path)
    os.truncate(tmp_path / folder / f'{room_name(1, 0)}.bin', 96)
    assert write(tmp_path, {1: 1}) == 1
    assert digest(tmp_path) == before


def test_an_interrupted_run_leaves_no_partial_file_and_can_be_continued(tmp_path, monkeypatch):
    def stop_before_rename(source, target):
        if str(target).endswith(f'points/{room_name(1, 1)}.bin'):
            raise KeyboardInterrupt
        replace(source, target)

    replace = os.replace
    write(tmp_path / 'whole')
    with monkeypatch.context() as patched:
        # In this process, because an interrupt in a worker would end the worker.
        patched.setattr(os, 'replace', stop_before_rename)
        patched.setattr(rooms, 'run_in_processes',
                        lambda function, calls, *args: [function(*arguments) for arguments in calls])
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / 'stopped')
    assert [path.name for path in (tmp_path / 'stopped' / 'points').iterdir()] == [f'{room_name(1, 0)}.bin']
    assert not list((tmp_path / 'stopped').glob('*.pkl'))
    assert write(tmp_path / 'stopped') == 2
    assert digest(tmp_path / 'stopped') == digest(tmp_path / 'whole')


def test_an_error_in_a_worker_is_raised_and_the_manifest_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, 'simulate_room', None)
    with pytest.raises(TypeError):
        write(tmp_path)
    assert [path.name for path in tmp_path.rglob('*') if path.is_file()] == [MANIFEST_NAME]


def test_other_parameters_in_the_same_folder_are_refused(tmp_path):
    write(tmp_path, {1: 1}, seed=5)
    assert json.loads((tmp_path / MANIFEST_NAME).read_text())['seed'] == 5
    before = digest(tmp_path)
    with pytest.raises(ValueError, match='seed is 5 there, 0 asked'):
        write(tmp_path, {1: 1})
    assert digest(tmp_path) == before


def test_real_data_is_never_mixed_with_synthetic(tmp_path):
    (tmp_path / 'points').mkdir()
    with pytest.raises(ValueError, match='not made here'):
        write(tmp_path)
    assert not (tmp_path / MANIFEST_NAME).exists()


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'workers': 0}, 'need workers >= 1'), ({'seed': -1}, 'seed >= 0'), ({'rooms': {}}, 'at least one area'),
    ({'rooms': {1: 0}}, 'at least one room'), ({'rooms': {7: 1}}, 'areas are numbers')])
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / 'out', **arguments)
    assert not (tmp_path / 'out').exists()
