"""What spconv's modules write, mmcv's read: same results from one checkpoint, through a file."""
import mmdet3d.models  # noqa: F401  It marks the state of spconv's modules with their version.
import pytest
import torch
from mmcv.ops import SparseConv3d, SparseConvTensor, SparseInverseConv3d, SparseSequential, SubMConv3d

spconv = pytest.importorskip('spconv.pytorch')
SHAPE = [6, 7, 8]


def network(library):
    return library.SparseSequential(
        library.SubMConv3d(3, 4, 3, padding=1, bias=False, indice_key='a'),
        library.SubMConv3d(4, 4, 1, bias=True),
        library.SubMConv3d(4, 6, 1, bias=False),
        library.SparseConv3d(6, 5, 2, stride=2, indice_key='b'),
        library.SparseInverseConv3d(5, 2, 2, indice_key='b'))


class Mmcv:
    SubMConv3d, SparseConv3d, SparseInverseConv3d = SubMConv3d, SparseConv3d, SparseInverseConv3d
    SparseSequential = SparseSequential


def test_from_spconv_to_mmcv(tmp_path):
    torch.manual_seed(0)
    coordinates = torch.nonzero(torch.rand(2, *SHAPE) < 0.2).int()
    features = torch.randn(len(coordinates), 3)
    theirs, ours = network(spconv), network(Mmcv)
    torch.save(theirs.state_dict(), tmp_path / 'weights.pth')
    ours.load_state_dict(torch.load(tmp_path / 'weights.pth'))
    expected = theirs(spconv.SparseConvTensor(features, coordinates, SHAPE, 2)).features
    actual = ours(SparseConvTensor(features, coordinates, SHAPE, 2)).features
    torch.testing.assert_close(actual, expected)


def test_mmcv_reads_its_own(tmp_path):
    first, second = network(Mmcv), network(Mmcv)
    second.load_state_dict(first.state_dict())
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key])
