import itertools

import pytest
import torch
from test_ops.made_voxels import SHAPE, voxels

from erda.ops.sparse_tables import strided_table, submanifold_table


def test_pairs_against_a_loop():
    indices = voxels((4, 5, 6), batch_size=1)
    table = submanifold_table(indices, (4, 5, 6), (3, 3, 3), (1, 1, 1))
    row_of = {tuple(row): n for n, row in enumerate(indices.tolist())}
    expected = set()
    for k, offset in enumerate(itertools.product((-1, 0, 1), repeat=3)):
        for (batch, *zyx), out in row_of.items():
            source = row_of.get((batch, *(c + d for c, d in zip(zyx, offset))))
            if source is not None and k != table.identity:
                expected.add((k, source, out))
    found = {(k, int(i), int(o)) for k, a, b in table.segments
             for i, o in zip(table.in_rows[a:b], table.out_rows[a:b])}
    assert found == expected


def test_layers_share_tiles_and_so_do_a_table_and_its_inverse():
    indices = voxels()
    table = submanifold_table(indices, SHAPE, [3] * 3, [1] * 3)
    assert table.tiles() is table.tiles() and table.inverse().inverse().tiles() is table.tiles()
    assert table.inverse().tiles().source_rows is table.tiles().source_rows  # a symmetric kernel
    _, table = strided_table(indices, SHAPE, [5, 4, 4], [3] * 3, [2] * 3, [1] * 3, [1] * 3)
    assert table.inverse().tiles() is table.inverse().tiles() is not table.tiles()


@pytest.mark.parametrize('change, message', [
    (lambda i: torch.cat([i, i[:1]]), 'twice'),
    (lambda i: i + torch.tensor([0, 0, 0, 5], dtype=torch.int32), 'leave the grid'),
    (lambda i: i - torch.tensor([0, 5, 0, 0], dtype=torch.int32), 'leave the grid')])
def test_bad_indices_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        submanifold_table(change(voxels()), SHAPE, [3] * 3, [1] * 3)


def test_a_grid_that_int64_cannot_number_is_refused():
    with pytest.raises(ValueError, match='int64'):
        submanifold_table(voxels(), (2**21, 2**21, 2**21), [3] * 3, [1] * 3)
