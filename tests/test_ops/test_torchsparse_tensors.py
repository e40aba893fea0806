import pytest
import torch
from test_ops.sparse_scans import voxels

from erda.ops.torchsparse_conv import Conv3d
from erda.ops.torchsparse_tensors import cat, make_ntuple


def test_cat_and_add_share_maps():
    x = voxels()
    y = Conv3d(3, 3).double()(x)
    assert torch.equal(cat((x, y)).F, torch.cat([x.F, y.F], 1)) and cat((x, y)).kmaps is x.kmaps
    assert torch.equal((x + y).F, x.F + y.F) and (x + y).C is x.C and (x + y).cmaps is x.cmaps


def test_sizes():
    assert make_ntuple(2, 3) == make_ntuple([2, 2, 2], 3) == make_ntuple(torch.tensor([2, 2, 2]), 3) == (2, 2, 2)
    with pytest.raises(ValueError, match='3 numbers'):
        make_ntuple((1, 2), 3)
