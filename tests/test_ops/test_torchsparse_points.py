import itertools
import math

import pytest
import torch
from test_ops.sparse_scans import CUBE_2, CUBE_3, voxels
from torch.autograd import gradcheck

from erda.ops.torchsparse_conv import get_kernel_offsets
from erda.ops.torchsparse_points import calc_ti_weights, spcount, spdevoxelize, sphash, sphashquery, spvoxelize


def test_hashes_are_found_again():
    x = voxels()
    offsets = get_kernel_offsets(3)
    found = sphashquery(sphash(x.C, offsets), sphash(x.C))
    rows = {tuple(row): i for i, row in enumerate(x.C.tolist())}
    expected = [[rows.get((a + i, b + j, c + k, batch), -1) for a, b, c, batch in x.C.tolist()] for i, j, k in CUBE_3]
    assert found.dtype == torch.int64 and found.tolist() == expected
    keys = sphash(x.C)
    ordered = [(batch, a, b, c) for a, b, c, batch in x.C[keys.argsort()].tolist()]
    assert ordered == sorted(ordered)


def test_query_takes_the_first_of_equal_references_and_minus_one_for_none():
    assert sphashquery(torch.tensor([5, 3, 9]), torch.tensor([3, 5, 3, 5])).tolist() == [1, 0, -1]
    assert sphashquery(torch.tensor([[5], [3]]), torch.empty(0, dtype=torch.int64)).tolist() == [[-1], [-1]]
    assert sphashquery(torch.empty(8, 0, dtype=torch.int64), torch.tensor([3])).shape == (8, 0)


def test_hash_refuses_what_it_cannot_tell_apart():
    edge = torch.tensor([[131071, -131072, 0, 511]]).int()
    sphash(edge)
    for coords, offsets in ((edge, get_kernel_offsets(2)), (edge + 1, None), (-edge, None), (edge.float(), None),
                            (edge[:, :3], None)):
        with pytest.raises(ValueError, match='voxels: '):
            sphash(coords, offsets)


@pytest.mark.parametrize('points, num', [(40, 12), (1, 1), (0, 0), (0, 3), (3, 0)])
def test_voxelize_equals_loop(points, num):
    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(points, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = torch.randint(-1, max(num - 1, 0), (points, ), generator=generator)  # points without, and one voxel without
    counts = spcount(rows.int(), num)
    assert counts.dtype == torch.int32 and counts.tolist() == [rows.tolist().count(i) for i in range(num)]
    found = spvoxelize(feats, rows, counts)
    means = [feats[rows == i].mean(0) if (rows == i).any() else feats.new_zeros(3) for i in range(num)]
    torch.testing.assert_close(found, torch.stack(means) if num else feats.new_zeros(0, 3))
    if points and num:
        assert gradcheck(lambda f: spvoxelize(f, rows, counts), feats)


def test_voxelize_keeps_coordinates_exact_under_autocast():
    coords = torch.tensor([[3001., -517.], [3001., -517.], [7., 9.]])
    rows = torch.tensor([1, 1, 0])
    with torch.autocast('cpu', torch.bfloat16):
        found = spvoxelize(coords, rows, spcount(rows, 2))
    assert found.tolist() == [[7., 9.], [3001., -517.]]


@pytest.mark.parametrize('points, num', [(30, 10), (1, 1), (0, 4), (3, 0)])
def test_devoxelize_equals_loop(points, num):
    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(num, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = torch.randint(-1, max(num, 0), (points, 8), generator=generator)
    weights = torch.rand(points, 8, generator=generator, dtype=torch.float64)
    found = spdevoxelize(feats, rows.int(), weights)
    expected = torch.zeros(points, 3, dtype=torch.float64)
    for i, k in itertools.product(range(points), range(8)):
        if rows[i, k] >= 0:
            expected[i] += weights[i, k] * feats[rows[i, k]].detach()
    torch.testing.assert_close(found, expected, check_dtype=True)
    if points and num:
        assert gradcheck(lambda f: spdevoxelize(f, rows, weights), feats)
    assert spdevoxelize(feats.bfloat16(), rows, weights).dtype == torch.bfloat16


@pytest.mark.parametrize('scale', [1, 2, 3])
def test_trilinear_weights_equal_loop(scale):
    generator = torch.Generator().manual_seed(0)
    coords = torch.rand(20, 4, generator=generator, dtype=torch.float64) * 20 - 10
    coords[0], coords[1] = coords[0].floor(), coords[1].div(scale).floor() * scale
    idx_query = torch.randint(-1, 5, (8, 20), generator=generator)
    idx_query[:, 2] = -1
    expected = torch.zeros(8, 20, dtype=torch.float64)
    for point, (k, corner) in itertools.product(range(20), enumerate(CUBE_2)):
        weight = 1.
        for axis in range(3):
            low = math.floor(coords[point, axis] / scale) * scale
            share = (float(coords[point, axis]) - low) / scale
            weight *= share if corner[axis] else 1 - share
        expected[k, point] = weight if idx_query[k, point] >= 0 else 0
    expected = expected / (expected.sum(0) + 1e-8)
    torch.testing.assert_close(calc_ti_weights(coords, idx_query, scale), expected)
    assert calc_ti_weights(coords[:0], idx_query[:, :0], scale).shape == (8, 0)
