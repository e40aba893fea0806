import numpy as np
import pytest
import tiny_rooms
from tiny_scans import write_scan

from erda.datasets.semantickitti import prepare_semantickitti


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
    return {
        'SemanticKittiDataset': kitti,
        'S3DISSegDataset': tiny_rooms.write_s3dis(tmp_path_factory.mktemp('s3dis')),
        'ScanNetSegDataset': tiny_rooms.write_scannet(tmp_path_factory.mktemp('scannet')),
    }
