"""Two sparse scans as a torchsparse tensor."""
import torch

from erda.ops.torchsparse_tensors import SparseTensor

LOW, SIZE = -4, 8  # of the occupied cube; the origin is a multiple of every stride in the tests
# torchsparse's order of kernel offsets (x, y, z): x changes fastest in an odd kernel, z in an even one.
CUBE_3 = [(x, y, z) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)]
CUBE_2 = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]


def voxels(channels=3, seed=0, stride=1):
    """Two scans in random order, coordinates of both signs, features in double precision."""
    generator = torch.Generator().manual_seed(seed)
    rows = (torch.rand(2, *[SIZE // stride] * 3, generator=generator) < 0.2).nonzero()
    rows = rows[torch.randperm(len(rows), generator=generator)]
    coords = torch.cat([rows[:, 1:] * stride + LOW, rows[:, :1]], 1).int()
    feats = torch.randn(len(coords), channels, generator=generator, dtype=torch.float64)
    return SparseTensor(feats.requires_grad_(), coords, stride)
