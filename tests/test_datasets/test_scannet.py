"""Scenes in the official layout of ScanNet reach mmdet3d's data set with their labels, and bad files are named."""
import json
from pathlib import Path

import mmdet3d
import mmengine
import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.config import Config

from erda.datasets import scannet
from erda.datasets.scannet import prepare_scannet
from erda.files.data_error import DataError

CONFIG = Path(mmdet3d.__file__).parent / '.mim/configs/_base_/datasets/scannet-seg.py'
INPUTS = ['meta_data', 'scans', 'scans_test']
TABLE = 'id\traw_category\tcategory\tnyu40id\n1\twall\twall\t1\n2\toffice chair\tchair\t5\n3\tlamp\tlamp\t35\n'
LABELS = ['wall', None, 'office chair', 'wall', 'office chair', 'lamp']  # of each object; nobody annotated the second
NYU40_IDS = [1, 0, 5, 1, 5, 35]
CLASSES = [0, 20, 4, 0, 4, 20]  # of mmdet3d's 20, 20 is ignored
POINTS = 1500  # of each object
ALIGN = np.array([[0, -1, 0, 3], [1, 0, 0, -2], [0, 0, 1, 0.5], [0, 0, 0, 1]])
CHAIR_BOX = [1.75, 1.5, 0.5, 0.5, 1, 1]  # centre and size in metres, before the walls are aligned
HEADER = ('ply\nformat binary_little_endian 1.0\ncomment VCGLIB generated\nelement vertex {}\n'
          'property float x\nproperty float y\nproperty float z\n'
          'property uchar red\nproperty uchar green\nproperty uchar blue\nproperty uchar alpha\n'
          'element face 1\nproperty list uchar int vertex_indices\nend_header\n')
SCENE = 'scans/scene0000_00/scene0000_00'
MESH = f'{SCENE}_vh_clean_2.ply'
SEGMENTS = f'{SCENE}_vh_clean_2.0.010000.segs.json'
AGGREGATION = f'{SCENE}.aggregation.json'
META = f'{SCENE}.txt'
LABEL_TABLE = 'meta_data/scannetv2-labels.combined.tsv'


def mesh():
    """Vertices ``[9000, 7]``: object k has red 10 k and fills 0.5 x 1 x 1 m from the corner (0.75 k, 1, 0)."""
    rng = np.random.default_rng(0)
    vertices = []
    for number in range(len(LABELS)):
        xyz = rng.uniform(0, 1, (POINTS, 3))
        xyz[:2] = [0, 0, 0], [1, 1, 1]
        color = np.tile([10 * number, 7, 0, 255], (POINTS, 1))
        vertices.append(np.hstack([[0.75 * number, 1, 0] + xyz * [0.5, 1, 1], color]))
    return np.vstack(vertices)


def segment_ids():
    return np.repeat(np.arange(2 * len(LABELS)) * 7 + 3, POINTS // 2).tolist()


def seg_groups():
    return [dict(id=k, objectId=k, segments=[14 * k + 3, 14 * k + 10], label=label)
            for k, label in enumerate(LABELS) if label]


def write_mesh(path, vertices):
    layout = np.dtype([(name, '<f4' if name in 'xyz' else 'u1') for name in ('x', 'y', 'z', 'r', 'g', 'b', 'a')])
    body = np.array([tuple(vertex) for vertex in vertices], dtype=layout).tobytes()
    path.write_bytes(HEADER.format(len(vertices)).encode() + body + b'\3' + bytes(12))


def write_scene(root, folder, scene):
    stem = root / folder / scene / scene
    stem.parent.mkdir(parents=True)
    write_mesh(Path(f'{stem}_vh_clean_2.ply'), mesh())
    if folder == 'scans':
        Path(f'{stem}_vh_clean_2.0.010000.segs.json').write_text(json.dumps(dict(segIndices=segment_ids())))
        Path(f'{stem}.aggregation.json').write_text(json.dumps(dict(segGroups=seg_groups())))
        Path(f'{stem}.txt').write_text('axisAlignment = ' + ' '.join(f'{value:f}' for value in ALIGN.flat) +
                                       ' \ncolorHeight = 968\n')


@pytest.fixture
def scenes(tmp_path):
    (tmp_path / 'meta_data').mkdir()
    (tmp_path / LABEL_TABLE).write_text(TABLE)
    for number, (split, folder) in enumerate(dict(train='scans', val='scans', test='scans_test').items()):
        scene = f'scene000{number}_00'
        (tmp_path / f'meta_data/scannetv2_{split}.txt').write_text(f'{scene}\n')
        write_scene(tmp_path, folder, scene)
    return tmp_path


def written(root):
    return sorted(path.name for path in root.iterdir() if path.name not in INPUTS)


def build(root, name, **changes):
    dataset = Config.fromfile(CONFIG)[name].dataset
    return DATASETS.build(dataset | dict(data_root=str(root), _scope_='mmdet3d') | changes)


def test_mmdet3d_reads_scenes(scenes):
    assert prepare_scannet(scenes) == dict(train=1, val=1, test=1)
    infos = [f'scannet_infos_{split}.pkl' for split in ('test', 'train', 'val')]
    assert written(scenes) == ['instance_mask', 'points', *infos, 'scannet_instance_data', 'seg_info', 'semantic_mask']

    sample = build(scenes, 'test_dataloader')[0]
    vertices = mesh()
    np.testing.assert_allclose(sample['inputs']['points'][:, :3], vertices[:, :3], atol=1e-6)
    np.testing.assert_allclose(sample['inputs']['points'][:, 3:], vertices[:, 3:6] / 255, atol=1e-6)
    np.testing.assert_array_equal(sample['data_samples'].eval_ann_info['pts_semantic_mask'],
                                  np.repeat(NYU40_IDS, POINTS))
    instances = np.fromfile(scenes / 'instance_mask/scene0001_00.bin', dtype=np.int64)
    np.testing.assert_array_equal(instances, np.repeat([1, 0, 3, 4, 5, 6], POINTS))

    # The stock config joins its data root twice here.
    train = build(scenes, 'train_dataloader', scene_idxs='seg_info/train_resampled_scene_idxs.npy')
    sample = train[0]
    objects = (sample['inputs']['points'][:, 3].numpy() * 25.5).round().astype(int)
    labels = sample['data_samples'].gt_pts_seg.pts_semantic_mask.numpy()
    np.testing.assert_array_equal(labels, np.array(CLASSES)[objects])
    assert len(build(scenes, 'test_dataloader', ann_file='scannet_infos_test.pkl')) == 1


def test_boxes_and_alignment(scenes):
    prepare_scannet(scenes)
    unaligned = np.load(scenes / 'scannet_instance_data/scene0000_00_unaligned_bbox.npy')
    np.testing.assert_allclose(unaligned[0], [*CHAIR_BOX, 5], atol=1e-6)
    info = mmengine.load(scenes / 'scannet_infos_train.pkl')['data_list'][0]
    np.testing.assert_allclose(info['axis_align_matrix'], ALIGN)
    assert [instance['bbox_label_3d'] for instance in info['instances']] == [2, 2]  # both chairs
    np.testing.assert_allclose(info['instances'][0]['bbox_3d'], [1.5, -0.25, 1, 1, 0.5, 1], atol=1e-6)


def test_no_test_scenes(scenes):
    (scenes / 'scans_test').rename(scenes / 'meta_data/elsewhere')
    assert prepare_scannet(scenes) == dict(train=1, val=1)


def test_interrupted_conversion_continues(scenes, monkeypatch):
    path = scenes / 'scans/scene0001_00/scene0001_00_vh_clean_2.ply'
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    with pytest.raises(DataError, match='scene0001_00_vh_clean_2.ply'):
        prepare_scannet(scenes)
    assert written(scenes) == ['scannet_instance_data']
    path.write_bytes(whole)
    read = []
    monkeypatch.setattr(scannet, 'read_scene', lambda files, ids, read_scene=scannet.read_scene:
                        read.append(files.mesh.parent.name) or read_scene(files, ids))
    prepare_scannet(scenes)
    assert read == ['scene0001_00', 'scene0002_00']
    assert not list(scenes.rglob('*part*'))


def with_nan():
    vertices = mesh()
    vertices[3, 1] = np.nan
    return vertices


def group(**changes):
    return json.dumps(dict(segGroups=[*seg_groups()[:1], seg_groups()[1] | changes]))


@pytest.mark.parametrize('file, damage, message', [
    (MESH, lambda path: path.write_bytes(path.read_bytes()[:9000]), 'for which its 8,722 bytes are too few'),
    (MESH, lambda path: path.write_bytes(path.read_bytes()[:50]), 'its PLY header has no end. The file is truncated'),
    (MESH, lambda path: path.write_bytes(path.read_bytes().replace(b'binary_little_endian', b'ascii')), 'cannot be'),
    (MESH, lambda path: path.write_bytes(path.read_bytes().replace(b'uchar red', b'uchar nir')), 'have no red'),
    (MESH, lambda path: write_mesh(path, with_nan()), '1 of the points 0 to 8999 have NaN'),
    (MESH, lambda path: write_mesh(path, mesh()[:0]), 'no points'),
    (SEGMENTS, lambda path: path.write_text(path.read_text()[:-9]), 'not JSON with segIndices'),
    (SEGMENTS, lambda path: path.write_text('{"segIndices": [1, 2, 3]}'), '3 vertices have a segment, but .* has 9000'),
    (AGGREGATION, lambda path: path.write_text('{"segments": []}'), 'not JSON with segGroups'),
    (AGGREGATION, lambda path: path.write_text(group(label='dragon')), "object 2 has label 'dragon'"),
    (AGGREGATION, lambda path: path.write_text(group(segments=[3, 4])), r'object 2 has segments \[4\]'),
    (AGGREGATION, lambda path: path.write_text(group(objectId=None)), 'lacks label, objectId or segments'),
    (META, lambda path: path.write_text('colorHeight = 968\n'), 'has no line "axisAlignment'),
    (META, lambda path: path.write_text('axisAlignment = 1 2 3\n'), 'not 16 numbers'),
    (META, lambda path: path.write_text('axisAlignment =' + ' nan' * 16), 'NaN'),
])
def test_bad_scene(scenes, file, damage, message):
    damage(scenes / file)
    with pytest.raises(DataError, match=message) as error:
        prepare_scannet(scenes)
    assert str(scenes / file) in str(error.value)
    assert written(scenes) == ['scannet_instance_data']
    assert not list((scenes / 'scannet_instance_data').iterdir())


@pytest.mark.parametrize('file, damage, message', [
    (LABEL_TABLE, lambda path: path.unlink(), 'does not exist'),
    (LABEL_TABLE, lambda path: path.write_text('raw_category\tnyu40class\nwall\twall\n'), 'not a tab-separated table'),
    (LABEL_TABLE, lambda path: path.write_text('raw_category\tnyu40id\nwall\t41\n'), r'nyu40id \[41\] are not in'),
    ('meta_data/scannetv2_val.txt', lambda path: path.unlink(), 'list of val scenes'),
    ('meta_data/scannetv2_val.txt', lambda path: path.write_text('\n'), 'lists no scene'),
    ('scans/scene0001_00/scene0001_00.aggregation.json', lambda path: path.unlink(), 'does not exist'),
    (MESH, lambda path: path.unlink(), 'does not exist'),
    ('scans_test/scene0002_00/scene0002_00_vh_clean_2.ply', lambda path: path.unlink(), 'does not exist'),
])
def test_missing_or_wrong_lists(scenes, file, damage, message):
    damage(scenes / file)
    with pytest.raises(DataError, match=message) as error:
        prepare_scannet(scenes)
    assert str(scenes / file) in str(error.value)
    assert written(scenes) == []
