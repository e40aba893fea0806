import numpy as np
import pytest
import torch
from mmdet3d.registry import TRANSFORMS
from mmengine.dataset import pseudo_collate

from erda.config import ConfigError
from erda.sampling import PointPyramid, grid_pyramid, point_pyramid
from erda.voxelization import WeakSegDataPreprocessor


def packed(num_points=60, seed=0):
    return dict(inputs=dict(points=torch.rand(num_points, 6, generator=torch.Generator().manual_seed(seed))))


def find(results, seed=0):
    np.random.seed(seed)
    return TRANSFORMS.build(dict(type='NeighborTables', num_neighbors=4, ratios=(4, 2)))(results)


def test_neighbours_are_those_of_the_packed_points():
    results = packed()
    inputs = find(results)['inputs']
    expected = point_pyramid(inputs['points'][:, :3].numpy(), 4, (4, 2), np.random.default_rng(0))
    assert torch.equal(inputs['points'], packed()['inputs']['points'])
    assert torch.equal(inputs['pyramid'].neighbors[0], expected.neighbors[0])
    assert [len(kept) for kept in inputs['pyramid'].kept] == [15, 7]
    assert 'pyramid' not in results['inputs']


def test_the_seed_of_the_worker_decides_what_is_kept():
    first, same, other = (find(packed(), seed)['inputs']['pyramid'].kept[0] for seed in (0, 0, 1))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_the_data_preprocessor_hands_them_on():
    samples = [find(packed(seed=seed)) for seed in (0, 1)]
    batch = WeakSegDataPreprocessor()(pseudo_collate(samples), training=True)
    assert isinstance(batch['inputs']['pyramid'], PointPyramid)
    for index, sample in enumerate(samples):
        assert torch.equal(batch['inputs']['pyramid'].nearest[1][index], sample['inputs']['pyramid'].nearest[1])
        assert torch.equal(batch['inputs']['points'][index], sample['inputs']['points'])


def test_neighbours_on_grids():
    settings = dict(voxel_size=0.1, radius=0.3, num_neighbors=(4, 6))
    inputs = TRANSFORMS.build(dict(type='GridNeighborTables', **settings))(packed())['inputs']
    expected = grid_pyramid(inputs['points'][:, :3].numpy(), **settings)
    for tables, others in zip(inputs['pyramid'], expected):
        assert all(torch.equal(*pair) for pair in zip(tables, others, strict=True))
    with pytest.raises(ConfigError, match='radius=0.1'):
        TRANSFORMS.build(dict(type='GridNeighborTables', voxel_size=0.1, radius=0.1))
