import numpy as np
import pytest
import torch
from mmdet3d.models.data_preprocessors import Det3DDataPreprocessor
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData

from erda.config import load_config
from erda.weak_labels import UNLABELED

VOID = 19


def build(cls='WeakSegDataPreprocessor', **kwargs):
    layer = dict(max_num_points=-1, point_cloud_range=[-100, -100, -20, 100, 100, 20], voxel_size=[0.5] * 3,
                 max_voxels=(-1, -1))
    return MODELS.build(dict(type=cls, voxel=True, voxel_type='minkunet', voxel_layer=layer, **kwargs))


def make_batch(sizes=(700, 300), labelled=0.05):
    rng = np.random.default_rng(0)
    points, samples = [], []
    for n in sizes:
        points.append(torch.from_numpy(rng.uniform(-3, 3, (n, 4)).astype(np.float32)))
        labels = np.where(rng.random(n) < labelled, rng.integers(0, 19, n), UNLABELED)
        labels[rng.random(n) < 0.3] = VOID
        samples.append(Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=torch.from_numpy(labels))))
    return dict(inputs=dict(points=points), data_samples=samples)


def is_labelled(labels):
    return (labels != UNLABELED) & (labels != VOID)


@pytest.mark.parametrize('max_voxels', [None, 250])
def test_no_labelled_voxel_loses_its_label(max_voxels):
    batch = build(max_voxels=max_voxels).train()(make_batch(), training=True)
    for sample in batch['data_samples']:
        labels, voxel = sample.gt_pts_seg.pts_semantic_mask, sample.point2voxel_map
        has_label = voxel[is_labelled(labels)]
        assert (has_label >= 0).all()
        assert is_labelled(sample.gt_pts_seg.voxel_semantic_mask[has_label]).all()
        others = torch.ones(len(sample.batch_idx), dtype=torch.bool)
        others[has_label] = False
        assert not is_labelled(sample.gt_pts_seg.voxel_semantic_mask[others]).any()


@pytest.mark.parametrize('batch_first', [True, False])
def test_batch_order(batch_first):
    batch = build(batch_first=batch_first).train()(make_batch(), training=True)
    coors = batch['inputs']['voxels']['coors']
    index = coors[:, 0] if batch_first else coors[:, -1]
    assert index.tolist() == sorted(index.tolist()) and set(index.tolist()) == {0, 1}
    assert torch.equal(index, torch.cat([sample.batch_idx for sample in batch['data_samples']]))


def test_features_of_some_columns():
    whole, some = (build(feature_dims=dims).eval()(make_batch())['inputs']['voxels'] for dims in (None, (3, 2)))
    assert torch.equal(some['voxels'], whole['voxels'][:, [3, 2]]) and torch.equal(some['coors'], whole['coors'])


def test_max_voxels():
    batch = build(max_voxels=250).train()(make_batch(), training=True)
    for sample in batch['data_samples']:
        assert len(sample.batch_idx) <= 250
        kept = sample.point2voxel_map >= 0
        assert sample.point2voxel_map.max() == len(sample.batch_idx) - 1
        assert kept.all() == (len(sample.batch_idx) < 250)
    full = build(max_voxels=250).eval()(make_batch())
    assert all((sample.point2voxel_map >= 0).all() for sample in full['data_samples']), 'never in evaluation'


def test_voxels_are_those_of_the_stock_class(monkeypatch):
    """Same voxels, features and order as mmdet3d's, so that its checkpoints give the same predictions."""
    monkeypatch.setattr(torch.Tensor, 'cuda', lambda self: self)  # the stock class moves everything to a GPU
    stock = build(Det3DDataPreprocessor.__name__).eval()(make_batch())
    ours = build(grid_multiple=1).eval()(make_batch())
    for key in ('voxels', 'coors'):
        assert torch.equal(stock['inputs']['voxels'][key], ours['inputs']['voxels'][key])
    for a, b in zip(stock['data_samples'], ours['data_samples']):
        assert torch.equal(a.point2voxel_map, b.point2voxel_map)


@pytest.mark.parametrize('batch_first', [True, False])
def test_a_flat_batch_can_be_halved_four_times(batch_first):
    batch = make_batch()
    for points in batch['inputs']['points']:
        points[:, 2] = 0
    coors = build(batch_first=batch_first).eval()(batch)['inputs']['voxels']['coors']
    xyz = coors[:, 1:] if batch_first else coors[:, :-1]
    assert ((xyz.amax(0) + 1) % 16 == 0).all() and set(xyz[:, 2].tolist()) == {15}


@pytest.mark.parametrize('planes', [2, 15, 16, 17, 30])
def test_no_voxel_is_missing_at_the_deepest_level(planes):
    batch = make_batch()
    for points in batch['inputs']['points']:
        points[:, :2] *= 3
        points[:, 2] = torch.linspace(0, (planes - 1) * 0.5, len(points))
    voxels = build().eval()(batch)['inputs']['voxels']
    model = MODELS.build(load_config('projects/ERDA/configs/minkunet_erda_1pct_mini.py').model.backbone)
    deepest = []
    model.encoder[-1].register_forward_hook(lambda module, inputs, output: deepest.append(output.indices))
    model.eval()(voxels['voxels'], voxels['coors'])
    parents = voxels['coors'] // torch.tensor([1, 16, 16, 16])
    assert sorted(deepest[0].tolist()) == parents.unique(dim=0).tolist()


def test_scan_without_labels():
    batch = make_batch()
    batch['data_samples'] = [Det3DDataSample(), Det3DDataSample()]
    voxels = build().eval()(batch)['inputs']['voxels']
    assert voxels['voxels'].shape[1] == 4


def test_empty_scan_is_named():
    batch = make_batch((0, ))
    batch['data_samples'][0].set_metainfo(dict(lidar_path='a.bin'))
    with pytest.raises(ValueError, match='a.bin has no point'):
        build().train()(batch, training=True)


GRID = [24, 18, 8]


def build_cylindrical(cls='WeakSegDataPreprocessor', **kwargs):
    layer = dict(grid_shape=GRID, point_cloud_range=[0, -np.pi, -4, 5, np.pi, 2], max_num_points=-1, max_voxels=-1)
    return MODELS.build(dict(type=cls, voxel=True, voxel_type='cylindrical', voxel_layer=layer, **kwargs))


def test_cylindrical_voxels_keep_their_labels():
    """Where the stock class lets void and hidden labels vote, which outnumber the others everywhere."""
    batch = build_cylindrical().train()(make_batch((4000, 2000)), training=True)
    for sample in batch['data_samples']:
        labels, voxel = sample.gt_pts_seg.pts_semantic_mask, sample.point2voxel_map
        voxel_labels = sample.gt_pts_seg.voxel_semantic_mask
        assert is_labelled(voxel_labels[voxel[is_labelled(labels)]]).all()
        for v in range(len(voxel_labels)):
            inside = labels[voxel == v]
            if is_labelled(inside).any():
                votes = torch.bincount(inside[is_labelled(inside)])
                assert votes[voxel_labels[v]] == votes.max()
            else:
                assert voxel_labels[v] == (VOID if (inside == VOID).all() else UNLABELED)


@pytest.mark.parametrize('training', [True, False])
def test_cylindrical_voxels_are_those_of_the_stock_class(training):
    results = []
    for cls in ('WeakSegDataPreprocessor', Det3DDataPreprocessor.__name__):
        batch = make_batch()
        for sample in batch['data_samples']:
            sample.gt_pts_seg.pts_semantic_mask %= 19  # the stock class knows no hidden label
        results.append(build_cylindrical(cls).train(training)(batch, training=training))
    ours, stock = results
    for key in ('voxels', 'coors'):
        assert torch.equal(ours['inputs']['voxels'][key], stock['inputs']['voxels'][key])
    for a, b in zip(ours['data_samples'], stock['data_samples']):
        assert torch.equal(a.point2voxel_map.long(), b.point2voxel_map.long())


def test_cylindrical_scan_without_labels():
    batch = make_batch()
    batch['data_samples'] = [Det3DDataSample(), Det3DDataSample()]
    batch = build_cylindrical().eval()(batch)
    assert all(len(sample.point2voxel_map) for sample in batch['data_samples'])


def test_points_without_voxels_stay_as_they_are():
    batch = make_batch()
    expected = [(points.clone(), sample.gt_pts_seg.pts_semantic_mask.clone())
                for points, sample in zip(batch['inputs']['points'], batch['data_samples'])]
    batch = MODELS.build(dict(type='WeakSegDataPreprocessor')).train()(batch, training=True)
    assert set(batch['inputs']) == {'points'}
    for points, sample, (points_before, labels) in zip(batch['inputs']['points'], batch['data_samples'], expected):
        assert torch.equal(points, points_before) and torch.equal(sample.gt_pts_seg.pts_semantic_mask, labels)


@pytest.mark.parametrize('voxel_type', ['minkunet', 'cylindrical'])
def test_nothing_leaves_its_device(voxel_type, monkeypatch):
    """Where the points are not on a CPU, which has a loop of its own."""
    monkeypatch.setattr('erda.ops.unique_coors.takes_compiled_loop', lambda coors: False)
    for method in ('cuda', 'cpu', 'numpy'):
        monkeypatch.setattr(torch.Tensor, method, lambda self, method=method: pytest.fail(f'called .{method}()'))
    preprocessor = build() if voxel_type == 'minkunet' else build_cylindrical()
    batch = make_batch()
    samples = preprocessor.cast_data(batch['data_samples'])
    preprocessor.train().voxelize(batch['inputs']['points'], samples)


def test_voxels_of_detectors_need_no_samples():
    layer = dict(max_num_points=5, point_cloud_range=[-4, -4, -4, 4, 4, 4], voxel_size=[1.] * 3, max_voxels=(99, 99))
    preprocessor = MODELS.build(dict(type='WeakSegDataPreprocessor', voxel=True, voxel_type='hard', voxel_layer=layer))
    voxels = preprocessor.voxelize(make_batch()['inputs']['points'], None)
    assert voxels['voxels'].shape[1:] == (5, 4)
