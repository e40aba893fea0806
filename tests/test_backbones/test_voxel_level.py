import torch
from mmcv.cnn import build_conv_layer
from test_backbones.voxel_scans import voxels_of_scans

from erda.backbones.serialization import serialization_codes
from erda.backbones.voxel_level import VoxelLevel


def test_coarser_levels():
    level = VoxelLevel.finest(voxels_of_scans([60, 25]), num_coarser=6)
    for _ in range(6):
        coarser, parents = level.coarser()
        halved = torch.cat([level.coors[:, :1], level.coors[:, 1:] // 2], 1)
        assert torch.equal(coarser.coors[parents], halved)
        assert len(coarser.coors) == len(halved.unique(dim=0))
        assert coarser.counts == coarser.coors[:, 0].bincount().tolist()
        expected = serialization_codes(coarser.coors)
        assert torch.equal(coarser.codes.argsort(dim=1), expected.argsort(dim=1))
        level = coarser
    assert level.coors.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]


def test_orders_are_shuffled_and_repeatable():
    level = VoxelLevel.finest(voxels_of_scans([60]), num_coarser=0)
    codes, before = level.codes.clone(), level.patches(0, 8)
    assert level.patches(4, 8) is before
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        level.shuffle_orders()
        assert sorted(level.codes.tolist()) == sorted(codes.tolist())
        seen.add(tuple(level.patches(0, 8).voxels.tolist()))
    assert len(seen) == 4


def test_convolution_is_that_of_the_dense_grid():
    coors = voxels_of_scans([40, 30], extent=5)
    level = VoxelLevel.finest(coors, num_coarser=0)
    convolution = build_conv_layer(dict(type='SubMConv3d'), 2, 3, kernel_size=3, indice_key='a').double()
    features = torch.rand(70, 2, dtype=torch.float64)
    dense = features.new_zeros(2, 2, 5, 5, 5)
    scan, x, y, z = coors.long().unbind(1)
    dense[scan, :, x, y, z] = features
    weight = convolution.weight.permute(0, 4, 1, 2, 3)  # as spconv and the published weights have it
    expected = torch.nn.functional.conv3d(dense, weight, convolution.bias, padding=1)[scan, :, x, y, z]
    assert torch.allclose(level.convolve(convolution, features), expected)
    assert torch.equal(level.convolve(convolution, features), level.convolve(convolution, features))
