import numpy as np
import pytest
import yaml
from integration.tiny_configs import tiny_config
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from erda.clouds.cloud_files import PointCloud, read_point_cloud
from erda.inference.errors import InferenceError
from erda.inference.model_inputs import COLOURS, model_inputs

MINKUNET = 'projects/ERDA/configs/minkunet_erda_1pct.py'
PIPELINE = [dict(type='LoadPointCloudBlock'), dict(type='PointSegClassMapping'),
            dict(type='Pack3DDetInputs', keys=['points', 'pts_semantic_mask'])]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.uniform(0, 30, (500, 3)) + [5e5, 5e6, 90], rng.integers(0, 256, (500, 3)),
                             rng.random(500), rng.integers(2, 4, 500)])
    np.savetxt(tmp_path / 'a.csv', table, '%.4f', ',', header='x,y,z,Red,Green,Blue,scalar_echo,label', comments='')
    describe(tmp_path)
    return tmp_path


def describe(folder, **changes):
    content = dict(classes=dict(ground=[2], tree=[3, 7]), label_field='label', splits=dict(test='a.csv'),
                   features=['xyz', 'echo', 'height_above_ground', 'rgb'], scale=dict(echo=2.0), block_size=20,
                   overlap=6)
    (folder / 'erda.yaml').write_text(yaml.safe_dump({**content, **changes}))


def config(folder, pipeline=PIPELINE):
    dataset = dict(type='PointCloudFolderDataset', data_root=str(folder), split='test', test_mode=True,
                   pipeline=pipeline)
    return Config(dict(test_dataloader=dict(dataset=dataset)))


def test_blocks_of_a_folder_are_those_of_its_data_set(folder):
    init_default_scope('mmdet3d')
    cfg = config(folder)
    inputs = model_inputs(cfg)
    assert inputs.classes == ['ground', 'tree'] and inputs.raw_values == [2, 3]
    assert inputs.layout.block_size == 20 and inputs.layout.overlap == 6 and not inputs.layout.whole
    cloud = read_point_cloud(folder / 'a.csv')
    fields = inputs.fields_of(cloud.fields)
    assert fields == ['scalar_echo', 'Red', 'Green', 'Blue']
    describe(folder, block_size=100)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    points = inputs.points(cloud._replace(fields={name: cloud.fields[name] for name in fields}))
    np.testing.assert_array_equal(points, dataset[0]['inputs']['points'])


def test_whole_files_and_classes_without_values(folder):
    describe(folder, classes=dict(ground=[2], tree=[]), block_size=None, overlap=None)
    inputs = model_inputs(config(folder))
    assert inputs.layout.whole and inputs.raw_values == [2, 5], "the code of the LAS table"


def test_fields_that_are_missing_or_broken(folder):
    inputs = model_inputs(config(folder))
    with pytest.raises(InferenceError, match="no field 'echo'"):
        inputs.fields_of(['red', 'green', 'blue'])
    cloud = read_point_cloud(folder / 'a.csv')
    cloud.fields['scalar_echo'][3] = np.nan
    with pytest.raises(InferenceError, match="field 'echo' has NaN"):
        inputs.points(cloud)


@pytest.mark.parametrize('change, message', [
    (dict(pipeline=[dict(PIPELINE[0]), dict(type='PointSample')]), 'PointSample, which is not known'),
    (dict(pipeline=[]), 'has no test_dataloader.dataset.pipeline'),
    (dict(data_root='/nowhere'), 'erda.yaml does not exist'),
])
def test_refused_folders(folder, change, message):
    cfg = config(folder)
    cfg.test_dataloader.dataset.update(change)
    with pytest.raises(InferenceError, match=message):
        model_inputs(cfg)


@pytest.mark.parametrize('change', [dict(load_dim=5), dict(use_dim=[0, 1, 2, 4]), dict(shift_height=True),
                                    dict(coord_type='CAMERA'), dict(coord_type='DEPTH')])
def test_refused_scans(tmp_path, change):
    cfg = tiny_config(MINKUNET, tmp_path)
    cfg.test_dataloader.dataset.pipeline[0].update(change)
    with pytest.raises(InferenceError, match='not known here: LoadPointsFromFile'):
        model_inputs(cfg)


def test_classes_of_scans(tmp_path):
    cfg = tiny_config(MINKUNET, tmp_path)
    inputs = model_inputs(cfg)
    assert len(inputs.classes) == 19 and inputs.raw_values[:5] == [10, 11, 15, 18, 13]
    del cfg.test_dataloader.dataset['metainfo']
    assert model_inputs(cfg).raw_values == list(range(19))
    cfg.class_names = []
    with pytest.raises(InferenceError, match='does not name its classes'):
        model_inputs(cfg)


@pytest.mark.parametrize('scale, high', [({'rgb': 'of each file'}, 255), ({'rgb': 65535}, 65535)])
def test_colours_may_have_the_depth_of_their_file(folder, scale, high):
    describe(folder, features=['rgb'], scale=scale)
    inputs = model_inputs(config(folder))
    cloud = read_point_cloud(folder / 'a.csv')
    inputs.begin_file(folder / 'a.csv')
    fields = {name: cloud.fields[name] for name in inputs.fields_of(cloud.fields)}
    points = inputs.points(cloud._replace(fields=fields))
    np.testing.assert_allclose(points[:, 3], cloud.fields['Red'] / high, rtol=1e-6)


@pytest.mark.parametrize('given', [None, ['x', 'y', 'z', 'red', 'green', 'blue']])
def test_columns_are_known_where_the_depth_of_colours_is_looked_up(folder, given):
    np.array([[1, 2, 3, 4, 5, 200]], '<f4').tofile(folder / 'a.bin')  # too few points to find out
    described = None if given else ['x', 'y', 'z', *COLOURS]
    describe(folder, features=['rgb'], scale={'rgb': 'of each file'}, columns=described)
    inputs = model_inputs(config(folder))
    inputs.begin_file(folder / 'a.bin', given)
    cloud = PointCloud(np.zeros((1, 3)), dict(zip(COLOURS, np.float32([[4], [5], [200]]))))
    np.testing.assert_allclose(inputs.points(cloud)[0, 3:], np.float32([4, 5, 200]) / 255, rtol=1e-6)
