import pytest
from mmengine.config import Config
from tiny_rooms import write_s3dis
from tiny_scans import REPOSITORY

from erda.datasets.availability import missing_data


def load(name, root):
    cfg = Config.fromfile(REPOSITORY / 'projects/ERDA/configs' / name)
    cfg.merge_from_dict({'train_dataloader.dataset.dataset.data_root': str(root),
                         'val_dataloader.dataset.data_root': str(root)})
    return cfg


def test_data_is_there(semantickitti):
    assert missing_data(load('minkunet_erda_1pct.py', semantickitti), 'train_dataloader', 'val_dataloader') is None


def test_message_says_what_where_and_how(tmp_path):
    message = missing_data(load('minkunet_erda_1pct.py', tmp_path / 'kitti'), 'train_dataloader')
    assert f'{tmp_path}/kitti/semantickitti_infos_train.pkl does not exist' in message
    assert f'prepare_data.py semantickitti {tmp_path}/kitti' in message
    assert 'prepare_data.py synthetic-lidar && python tools/train.py projects/ERDA/configs' in message
    assert len(message.splitlines()) == 3


def test_smaller_scans_are_made_from_the_whole_ones():
    message = missing_data(load('minkunet_erda_1pct_mini.py', 'none/kitti_within_7.5m/'), 'train_dataloader')
    assert 'prepare_data.py semantickitti none/kitti --within 7.5\n' in message


def test_only_semantickitti_has_smaller_scans():
    message = missing_data(load('pointnet2_ssg_erda_1pct_s3dis.py', 'none/rooms_within_5m/'), 'train_dataloader')
    assert 'prepare_data.py s3dis none/rooms_within_5m/\n' in message


def test_synthetic_data_is_made_not_downloaded():
    cfg = load('minkunet_erda_1pct_synthetic.py', 'data/synthetic_lidar/')
    cfg.train_dataloader.dataset.dataset.ann_file = 'none.pkl'
    message = missing_data(cfg, 'train_dataloader')
    assert message.endswith('prepare_data.py synthetic-lidar')


@pytest.mark.parametrize('name, command', [('pointnet2_ssg_erda_1pct_s3dis', 's3dis'),
                                           ('pointnet2_ssg_erda_1pct_scannet', 'scannet')])
def test_rooms(name, command, tmp_path):
    message = missing_data(load(f'{name}.py', tmp_path), 'train_dataloader')
    assert f'{tmp_path}/{command}_infos_' in message and f'prepare_data.py {command} {tmp_path}' in message
    assert 'prepare_data.py synthetic-rooms && ' in message


def test_one_of_several_info_files(tmp_path):
    cfg = load('pointnet2_ssg_erda_1pct_s3dis.py', write_s3dis(tmp_path))
    assert missing_data(cfg, 'train_dataloader') is None
    (tmp_path / 's3dis_infos_Area_3.pkl').unlink()
    assert 's3dis_infos_Area_3.pkl does not exist' in missing_data(cfg, 'train_dataloader')


def test_only_the_loaders_asked_for(semantickitti, tmp_path):
    cfg = load('minkunet_erda_1pct.py', semantickitti)
    cfg.test_dataloader.dataset.data_root = str(tmp_path / 'none')
    assert missing_data(cfg, 'train_dataloader') is None
    assert missing_data(cfg, 'test_dataloader')
