from types import SimpleNamespace

import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from mmdet3d.structures import PointData
from mmengine.config import Config
from tiny_scans import REPOSITORY

from erda.clouds.cloud_files import read_point_cloud
from erda.evaluation.checkpoint_test import build_test_set
from erda.evaluation.predictions import SavePredictions, label_path, ply, raw_ids

CONFIGS = {
    'SemanticKittiDataset': 'projects/ERDA/configs/minkunet_erda_1pct.py',
    'S3DISSegDataset': 'projects/ERDA/configs/pointnet2_ssg_erda_1pct_s3dis.py',
}


def save(folder, root, name, predicted):
    """Save a prediction of the first test scan as a test would."""
    dataset = build_test_set(tiny_config(CONFIGS[name], root))
    sample = dataset[0]['data_samples']
    sample.pred_pts_seg = PointData(pts_semantic_mask=torch.from_numpy(predicted))
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))
    SavePredictions(folder).after_test_iter(runner, 0, outputs=[sample])


def test_semantickitti(roots, tmp_path):
    """A prediction that is no class, the twentieth output of Cylinder3D, is unlabelled."""
    predicted = np.arange(1500) % 20
    save(tmp_path, roots['SemanticKittiDataset'], 'SemanticKittiDataset', predicted)
    path, = (path for path in tmp_path.rglob('*') if path.is_file())
    assert path.relative_to(tmp_path).as_posix() == 'sequences/08/predictions/000000.label'
    ids = np.fromfile(path, '<u4')
    assert ids[:5].tolist() == [10, 11, 15, 18, 20] and ids[19] == 0 and len(ids) == 1500


def test_rooms(roots, tmp_path):
    """Coordinates of the file, not the turned and normalised ones of the network; both labels beside them."""
    predicted = np.arange(1500) % 14
    save(tmp_path, roots['S3DISSegDataset'], 'S3DISSegDataset', predicted)
    cloud = read_point_cloud(tmp_path / 'points/Area_5_office_1.ply')
    xyz = np.fromfile(roots['S3DISSegDataset'] / 'points/Area_5_office_1.bin', np.float32).reshape(-1, 6)[:, :3]
    truth = np.fromfile(roots['S3DISSegDataset'] / 'semantic_mask/Area_5_office_1.bin', np.int64)
    np.testing.assert_array_equal(cloud.xyz, xyz)
    np.testing.assert_array_equal(cloud.fields['true_class'], truth)
    np.testing.assert_array_equal(cloud.fields['predicted_class'], np.where(predicted == 13, -1, predicted))


def test_a_pipeline_that_drops_points(roots, tmp_path):
    with pytest.raises(ValueError, match='has 1500 points, but 7 predictions'):
        save(tmp_path, roots['SemanticKittiDataset'], 'SemanticKittiDataset', np.zeros(7, dtype=int))
    assert not list(tmp_path.iterdir())


def test_raw_ids_are_those_of_the_benchmark():
    """learning_map_inv of semantic-kitti.yaml; "other-vehicle" is 20, though 13 and 16 stand for it, too."""
    cfg = Config.fromfile(REPOSITORY / 'projects/ERDA/configs/minkunet_erda_1pct.py')
    ids = raw_ids(cfg.test_dataloader.dataset.metainfo.seg_label_mapping, 19)
    assert ids.tolist() == [10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81, 0]
    assert ids.dtype.str == '<u4'


def test_raw_ids_of_other_classes():
    assert raw_ids({0: 2, 7: 0, 3: 0, 44: 1, 5: 1}, 2).tolist() == [3, 44, 0]
    with pytest.raises(ValueError, match='no raw id for class 1'):
        raw_ids({0: 2, 7: 0}, 2)


def test_label_path():
    assert label_path('sequences/08/velodyne/000123.bin').as_posix() == 'sequences/08/predictions/000123.label'


def test_ply_is_read_back(tmp_path):
    xyz = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    classes = np.array([0, 1, -1, 1, 0])
    content = ply(dict(x=xyz[:, 0], y=xyz[:, 1], z=xyz[:, 2], predicted_class=classes), ['car', 'road'])
    (tmp_path / 'a.ply').write_bytes(content)
    cloud = read_point_cloud(tmp_path / 'a.ply')
    np.testing.assert_array_equal(cloud.xyz, xyz)
    np.testing.assert_array_equal(cloud.fields['predicted_class'], classes)
    assert b'comment class 1 road\n' in content
