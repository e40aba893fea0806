import os

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch: two processes on two cores, and repeatable sums

import numpy as np
import pytest
import tiny_rooms
import torch
from test_clouds.described_folders import write_files_of
from tiny_nuscenes import write_nuscenes
from tiny_scans import REPOSITORY, write_scan

import erda  # noqa: F401
from erda.datasets.nuscenes import prepare_nuscenes
from erda.datasets.semantickitti import prepare_semantickitti

torch.set_num_threads(1)


@pytest.fixture
def scans(tmp_path):
    """Three training scans and one validation scan in SemanticKITTI's layout, without info files."""
    for frame in range(3):
        write_scan(tmp_path, '00', frame)
    write_scan(tmp_path, '08', 0)
    return tmp_path


@pytest.fixture
def semantickitti(scans):
    """The same with info files."""
    prepare_semantickitti(scans)
    return scans


@pytest.fixture(scope='session')
def roots(tmp_path_factory):
    """Folder of tiny data for each class of data sets; SemanticKITTI has scribbles."""
    kitti = tmp_path_factory.mktemp('semantickitti')
    for sequence, frame in (('00', 0), ('00', 1), ('08', 0)):
        write_scan(kitti, sequence, frame)
    for path in kitti.glob('sequences/00/labels/*.label'):
        scribbles = np.fromfile(path, dtype=np.uint32)
        scribbles[np.arange(len(scribbles)) % 50 > 0] = 0
        folder = path.parents[1] / 'scribbles'
        folder.mkdir(exist_ok=True)
        scribbles.tofile(folder / path.name)
    prepare_semantickitti(kitti)
    nuscenes = write_nuscenes(tmp_path_factory.mktemp('nuscenes'))
    prepare_nuscenes(nuscenes)
    return {
        'SemanticKittiDataset': kitti,
        'NuScenesSegDataset': nuscenes,
        'S3DISSegDataset': tiny_rooms.write_s3dis(tmp_path_factory.mktemp('s3dis')),
        'PointCloudFolderDataset': write_files_of(
            REPOSITORY / 'configs/_base_/aerial.yaml', tmp_path_factory.mktemp('aerial')),
        'ScanNetSegDataset': tiny_rooms.write_scannet(tmp_path_factory.mktemp('scannet')),
    }
