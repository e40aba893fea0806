from mmengine.config import Config
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


def test_synthetic_data_is_made_not_downloaded():
    cfg = load('minkunet_erda_1pct_synthetic.py', 'data/synthetic_lidar/')
    cfg.train_dataloader.dataset.dataset.ann_file = 'none.pkl'
    message = missing_data(cfg, 'train_dataloader')
    assert message.endswith('prepare_data.py synthetic-lidar')


def test_only_the_loaders_asked_for(semantickitti, tmp_path):
    cfg = load('minkunet_erda_1pct.py', semantickitti)
    cfg.test_dataloader.dataset.data_root = str(tmp_path / 'none')
    assert missing_data(cfg, 'train_dataloader') is None
    assert missing_data(cfg, 'test_dataloader')
