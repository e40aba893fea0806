import torch
from mmcv.ops import SparseConvTensor, SparseSequential, SubMConv3d

from erda.ops.mmcv_spatial_shape import let_mmcv_take_tensor_as_spatial_shape


def test_a_tensor_is_as_good_as_a_list():
    torch.manual_seed(0)
    coors = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 2, 3, 1]], dtype=torch.int32)
    features = torch.randn(3, 4)
    network = SparseSequential(SubMConv3d(4, 5, 3, padding=1))
    outputs = [network(SparseConvTensor(features, coors, shape, 1)) for shape in ([3, 4, 2], torch.tensor([3, 4, 2]))]
    assert torch.equal(outputs[0].features, outputs[1].features)
    assert outputs[1].spatial_shape == [3, 4, 2]


def test_patched_once():
    init = SparseConvTensor.__init__
    let_mmcv_take_tensor_as_spatial_shape()
    assert SparseConvTensor.__init__ is init
