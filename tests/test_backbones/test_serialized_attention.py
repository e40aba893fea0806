import pytest
import torch
from test_backbones.voxel_scans import voxels_of_scans

from erda.backbones.serialized_attention import SerializedAttention, SerializedBlock
from erda.backbones.voxel_level import VoxelLevel
from erda.config import ConfigError


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def slow_attention(attention, features, level):
    """One voxel and head after the other, over the voxels of its patch."""
    channels, head = features.shape[1], attention.head_channels
    patches = level.patches(attention.order, attention.patch_size)
    query, key, value = attention.qkv(features).split(channels, 1)
    out = torch.zeros_like(features)
    begin = 0
    for number, length in patches.shapes:
        for _ in range(number):
            voxels = patches.voxels[begin:begin + length]
            for place in range(begin, begin + length):
                voxel = patches.voxels[place]
                if patches.places[voxel] != place:
                    continue
                for start in range(0, channels, head):
                    part = slice(start, start + head)
                    weights = (key[voxels, part] @ query[voxel, part] / head**0.5).softmax(0)
                    out[voxel, part] = weights @ value[voxels, part]
            begin += length
    return attention.proj(out)


@pytest.mark.parametrize('order', [0, 3])
def test_attention_against_slow_reference(order):
    level = VoxelLevel.finest(voxels_of_scans([13, 3, 9]), num_coarser=0)
    attention = SerializedAttention(6, 2, 4, order).double()
    features = torch.rand(25, 6, dtype=torch.float64)
    assert torch.allclose(attention(features, level), slow_attention(attention, features, level))


def test_gradients_of_a_block():
    level = VoxelLevel.finest(voxels_of_scans([6, 2], extent=3), num_coarser=0)
    block = SerializedBlock(4, 2, 4, 1, mlp_ratio=2, drop_path=0, indice_key='a').double()
    features = torch.rand(8, 4, dtype=torch.float64, requires_grad=True)
    skip = torch.rand(8, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: block(x, level), (features, ))
    assert torch.autograd.gradcheck(lambda x, seen: block(x, level, seen), (features, skip))
    block(features, level).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in block.parameters())


def test_a_path_is_dropped_in_training_only():
    level = VoxelLevel.finest(voxels_of_scans([30]), num_coarser=0)
    block = SerializedBlock(4, 2, 8, 0, mlp_ratio=2, drop_path=0.5, indice_key='a')
    features = torch.rand(30, 4)
    assert not torch.equal(block(features, level), block(features, level))
    block.eval()
    assert torch.equal(block(features, level), block(features, level))


def test_heads_divide_the_channels():
    with pytest.raises(ConfigError, match='heads of 16'):
        SerializedAttention(24, 16, 8, 0)
