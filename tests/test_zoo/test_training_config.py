import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_scans import REPOSITORY

from erda.files.digest import sha256
from erda.weak_labels import WeakLabelDataset, write_masks
from erda.zoo.errors import CheckpointError
from erda.zoo.training_config import label_record, without_run_settings


def text(dataset, **settings):
    return Config(dict(train_dataloader=dict(dataset=dataset, batch_size=2), **settings)).pretty_text


def weak(**settings):
    metainfo = dict(mapping={0: 1, 7: 2}, shape=(1, -2.5))
    dataset = dict(type='KittiDataset', metainfo=metainfo, pipeline=[dict(type='Load')])
    return dict(type='WeakLabelDataset', dataset=dataset, **settings)


@pytest.mark.parametrize('dataset', [
    weak(budget=dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=0.04)), seed=2),
    dict(type='RepeatDataset', times=3,
         dataset=weak(budget=dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=0.04)), seed=2)),
])
def test_the_budget_of_a_training_set(dataset):
    assert label_record(text(dataset)) == dict(
        budget=dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=0.04)), seed=2)


def test_the_label_seed_is_zero_by_default():
    assert label_record(text(weak(budget=dict(type='GivenLabels')))) == dict(budget=dict(type='GivenLabels'), seed=0)


def test_all_labels():
    assert label_record(text(dict(type='KittiDataset'))) is None


def test_stored_masks_have_a_checksum(tmp_path, semantickitti):
    init_default_scope('mmdet3d')
    cfg = Config.fromfile('projects/ERDA/configs/minkunet_erda_1pct_mini.py').train_dataloader.dataset
    cfg.dataset.data_root = str(semantickitti)
    cfg.pop('type')
    write_masks(WeakLabelDataset(**cfg), tmp_path / 'masks', None)
    record = label_record(text(weak(masks=str(tmp_path / 'masks'))))
    assert record == dict(budget=dict(cfg.budget), seed=0, manifest_sha256=sha256(tmp_path / 'masks/manifest.json'))
    (tmp_path / 'masks/masks.bin').write_bytes(b'xyz')
    with pytest.raises(CheckpointError, match='The masks that training read are needed .*masks.bin'):
        label_record(text(weak(masks=str(tmp_path / 'masks'))))


def test_nothing_is_run(tmp_path):
    code = f"import os\nos.mkdir('{tmp_path}/ran')\ntrain_dataloader = dict(a=os.mkdir('{tmp_path}/ran'))\n"
    assert label_record(code) is None and not (tmp_path / 'ran').exists()
    with pytest.raises(CheckpointError, match='is not the text of a config'):
        label_record('a = (')


def test_where_it_ran_is_left_out():
    config = dict(optimizer=dict(lr=0.1), vis=[dict(type='LocalVisBackend')])
    written = text(dict(type='KittiDataset'), **config, work_dir='/home/me/runs', launcher='slurm', resume=True)
    assert without_run_settings(written) == text(dict(type='KittiDataset'), **config)


def test_folders_of_the_repository_are_relative_to_it():
    written = text(dict(data_root='data/tiles', ann_file=f'{REPOSITORY}/configs/_base_/aerial.yaml'))
    published = without_run_settings(written)
    assert "ann_file='configs/_base_/aerial.yaml'" in published and str(REPOSITORY) not in published
