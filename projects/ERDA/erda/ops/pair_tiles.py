"""Pairs of voxels in the order in which a processor multiplies and sums them fastest.

Products are summed voxel by voxel and written once, instead of being added to the result offset by offset. That is the
sum of an embedding bag, which torch has for every float type, in float32 where the type is narrower.

In half precision many offsets are multiplied at once, in tiles of a fixed number of rows: oneDNN compiles each new
shape of a product, which takes a millisecond, and the number of pairs changes from scan to scan.
"""
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor

TARGETS_PER_BLOCK = 8192  # whose products are kept at the same time
TILE_ROWS = (256, 128, 64)  # the largest that wastes about a sixteenth, or the last
TILES_PER_PRODUCT = 32
TILE_STEP = 4  # the number of tiles of a product is a multiple of it: eight shapes
ROWS_PER_PRODUCT, ROW_STEP = 8192, 1024  # the same where rows are multiplied by one weight


class Segment(NamedTuple):
    """Pairs of one kernel offset in a block: rows ``start`` to ``stop``, without padding."""
    offset: int
    start: int
    stop: int


class Block(NamedTuple):
    """Targets in a row.

    Attributes:
        start: first row of its pairs.
        stop: where they end, padding included.
        segments: one for each kernel offset that has pairs here.
        terms: ``[P]`` int32, the rows of the products of each target in turn, counted from ``start``.
        bounds: ``[targets + 1]`` int32, where the terms of a target begin and end.
        padding: int64, for each product of tiles in turn, the rows that are no pair, counted from its first.
    """
    start: int
    stop: int
    segments: List[Segment]
    terms: Tensor
    bounds: Tensor
    padding: List[Tensor]


class PairTiles(NamedTuple):
    """Pairs grouped by block of targets, then by kernel offset, each group padded to whole tiles.

    Attributes:
        tile_rows: rows of a tile.
        source_rows: ``[S]`` int32; 0 where a row is padding.
        target_rows: ``[S]`` int32; 0 where a row is padding.
        offsets: ``[S / tile_rows]`` int32, kernel offset of each tile.
        blocks: they cover all targets.
    """
    tile_rows: int
    source_rows: Tensor
    target_rows: Tensor
    offsets: Tensor
    blocks: List[Block]

    def mirrored(self, num_offsets: int) -> 'PairTiles':
        """Tiles of the pairs with the roles swapped, in a kernel in which offset K - 1 - k undoes offset k."""
        last = num_offsets - 1
        blocks = [block._replace(segments=[part._replace(offset=last - part.offset) for part in block.segments])
                  for block in self.blocks]
        return self._replace(offsets=last - self.offsets, blocks=blocks)


def pair_tiles(source_rows: Sequence[Tensor], target_rows: Sequence[Tensor], num_targets: int) -> PairTiles:
    """Tiles of K lists of pairs on a CPU, one list for each kernel offset."""
    sources, targets = (torch.cat(list(rows)).int().numpy() for rows in (source_rows, target_rows))
    ends = np.cumsum([0, *map(len, source_rows)])
    num_blocks = max(-(-num_targets // TARGETS_PER_BLOCK), 1)
    mean = len(sources) / (len(source_rows) * num_blocks)
    tile = next((rows for rows in TILE_ROWS if 8 * rows <= mean), TILE_ROWS[-1])
    counts = _count_groups(targets, ends, num_blocks, TARGETS_PER_BLOCK)
    in_block = -(-counts // tile)
    in_block[:, -1] += -in_block.sum(axis=1) % TILE_STEP
    first_row = tile * (np.cumsum(in_block) - in_block.ravel()).reshape(counts.shape)
    offsets = np.tile(np.arange(counts.shape[1], dtype=np.int32), num_blocks).repeat(in_block.ravel())
    placed = _place(sources, targets, ends, first_row.copy(), len(offsets) * tile, num_targets, TARGETS_PER_BLOCK)
    padding = placed[2]
    rows_of_sources, rows_of_targets, _, terms, bounds = map(torch.from_numpy, placed)
    starts = [*first_row[:, 0].tolist(), len(offsets) * tile]
    blocks = []
    for block, (start, stop) in enumerate(zip(starts, starts[1:])):
        segments = [Segment(offset, first, first + count) for offset, (first, count) in enumerate(
            zip(first_row[block].tolist(), counts[block].tolist())) if count]
        limits = bounds[block * TARGETS_PER_BLOCK:(block + 1) * TARGETS_PER_BLOCK + 1]
        of_products = [torch.from_numpy(np.flatnonzero(padding[first:min(first + tile * TILES_PER_PRODUCT, stop)]))
                       for first in range(start, stop, tile * TILES_PER_PRODUCT)]
        blocks.append(Block(start, stop, segments, terms[limits[0]:limits[-1]], limits - limits[0], of_products))
    return PairTiles(tile, rows_of_sources, rows_of_targets, torch.from_numpy(offsets), blocks)


@njit
def _count_groups(targets: np.ndarray, ends: np.ndarray, num_blocks: int, targets_per_block: int) -> np.ndarray:
    """Pairs of each block and offset ``[B, K]``."""
    counts = np.zeros((num_blocks, len(ends) - 1), np.int64)
    for offset in range(len(ends) - 1):
        for pair in range(ends[offset], ends[offset + 1]):
            counts[targets[pair] // targets_per_block, offset] += 1
    return counts


@njit
def _place(sources: np.ndarray, targets: np.ndarray, ends: np.ndarray, free: np.ndarray, num_rows: int,
           num_targets: int, targets_per_block: int) -> Tuple[np.ndarray, ...]:
    """Pairs to rows; ``free`` ``[B, K]`` is the first row of each group, and changes."""
    source_rows, target_rows = np.zeros(num_rows, np.int32), np.zeros(num_rows, np.int32)
    padding = np.ones(num_rows, np.bool_)
    bounds = np.zeros(num_targets + 1, np.int32)
    for target in targets:
        bounds[target + 1] += 1
    for row in range(num_targets):
        bounds[row + 1] += bounds[row]
    terms, filled, first = np.empty(len(targets), np.int32), bounds[:-1].copy(), free[:, 0].copy()
    for offset in range(len(ends) - 1):
        for pair in range(ends[offset], ends[offset + 1]):
            target = targets[pair]
            block = target // targets_per_block
            row = free[block, offset]
            free[block, offset] += 1
            source_rows[row], target_rows[row], padding[row] = sources[pair], target, False
            terms[filled[target]] = row - first[block]
            filled[target] += 1
    return source_rows, target_rows, padding, terms, bounds


def sum_of_products(source: Tensor, weight: Tensor, tiles: PairTiles) -> Tensor:
    """``[M, C']``, for each target the sum of ``source[row] @ weight[offset]`` over its pairs.

    Args:
        source: ``[N, C]``, contiguous.
        weight: ``[K, C, C']``.
        tiles: pairs of rows of ``source`` and targets.
    """
    return _run(source, weight, tiles, None, None)


def sum_of_outer_products(source: Tensor, features: Tensor, num_offsets: int, tiles: PairTiles,
                          weight: Optional[Tensor] = None) -> Tuple[Optional[Tensor], Tensor]:
    """For each kernel offset the sum of ``features[target].T @ source[row]`` over its pairs.

    Args:
        source: ``[N, C]``, contiguous.
        features: ``[M, D]``, contiguous.
        num_offsets: K.
        tiles: pairs of rows of ``source`` and targets.
        weight: ``[K, C, C']``.

    Returns: with a weight what :func:`sum_of_products` gives, and ``[K, D, C]`` in float32 or wider.
    """
    outer = source.new_zeros(num_offsets, features.shape[1], source.shape[1],
                             dtype=torch.promote_types(source.dtype, torch.float32))
    return _run(source, weight, tiles, features, outer), outer


@torch.no_grad()
def _run(source: Tensor, weight: Optional[Tensor], tiles: PairTiles, features: Optional[Tensor],
         outer: Optional[Tensor]) -> Any:
    """Both sums, each where it is asked for."""
    multiply = _multiply_tiles if source.element_size() < 4 else _multiply_segments
    products: Optional[Tensor] = None
    sums: List[Tensor] = []
    if weight is not None:
        products = source.new_empty(max(block.stop - block.start for block in tiles.blocks), weight.shape[2])
    for block in tiles.blocks:
        multiply(source, weight, tiles, block, products, features, outer)
        if products is not None:
            sums.append(F.embedding_bag(block.terms, products, block.bounds, mode='sum', include_last_offset=True))
    if products is None:
        return None
    return sums[0] if len(sums) == 1 else torch.cat(sums)


def _multiply_segments(source: Tensor, weight: Any, tiles: PairTiles, block: Block, products: Optional[Tensor],
                       features: Optional[Tensor], outer: Any) -> None:
    """One product for each kernel offset, of as many rows as it has pairs."""
    longest = max((part.stop - part.start for part in block.segments), default=0)
    gathered = source.new_empty(longest, source.shape[1])
    at_targets: Any = None if features is None else source.new_empty(longest, features.shape[1])
    for offset, start, stop in block.segments:
        rows = torch.index_select(source, 0, tiles.source_rows[start:stop], out=gathered[:stop - start])
        if products is not None:
            torch.mm(rows, weight[offset], out=products[start - block.start:stop - block.start])
        if features is not None:
            others = torch.index_select(features, 0, tiles.target_rows[start:stop], out=at_targets[:stop - start])
            outer[offset].addmm_(others.t(), rows)


def _multiply_tiles(source: Tensor, weight: Any, tiles: PairTiles, block: Block, products: Optional[Tensor],
                    features: Optional[Tensor], outer: Any) -> None:
    """Tiles of many kernel offsets in one product."""
    size = tiles.tile_rows
    step = size * TILES_PER_PRODUCT
    gathered = source.new_empty(min(step, block.stop - block.start), source.shape[1])
    at_targets: Any = None if features is None else source.new_empty(len(gathered), features.shape[1])
    for start, padding in zip(range(block.start, block.stop, step), block.padding):
        stop = min(start + step, block.stop)
        offsets = tiles.offsets[start // size:stop // size]
        rows = torch.index_select(source, 0, tiles.source_rows[start:stop], out=gathered[:stop - start])
        stacked = rows.view(len(offsets), size, -1)
        if products is not None:
            into = products[start - block.start:stop - block.start].view(len(offsets), size, -1)
            torch.bmm(stacked, _selected(weight, offsets), out=into)
        if features is not None:
            others = torch.index_select(features, 0, tiles.target_rows[start:stop], out=at_targets[:stop - start])
            others.index_fill_(0, padding, 0)
            of_tiles = torch.bmm(others.view(len(offsets), size, -1).transpose(1, 2), stacked)
            outer.index_add_(0, offsets, of_tiles.to(outer.dtype))


def _selected(weight: Tensor, offsets: Tensor) -> Tensor:
    """Rows of a weight or of a transposed one, copied in the order in which they lie."""
    if weight.stride(2) == 1:
        return weight.index_select(0, offsets)
    return weight.transpose(1, 2).index_select(0, offsets).transpose(1, 2)


def products_of_rows(rows: Tensor, weight: Tensor) -> Tensor:
    """``rows @ weight`` in products of few shapes, ``[N, C']`` from ``[N, C]`` and ``[C, C']``."""
    with torch.autocast(rows.device.type, enabled=False):
        parts = [(part @ weight)[:count] for part, count in _padded_parts(rows)]
    return torch.cat(parts) if len(parts) != 1 else parts[0]


def outer_product_of_rows(rows: Tensor, others: Tensor) -> Tensor:
    """``rows.T @ others`` likewise, ``[C, D]`` in float32 from ``[N, C]`` and ``[N, D]``."""
    total = rows.new_zeros(rows.shape[1], others.shape[1], dtype=torch.float32)
    with torch.autocast(rows.device.type, enabled=False):
        for (part, _), (other, _) in zip(_padded_parts(rows), _padded_parts(others)):
            total += part.t() @ other
    return total


def _padded_parts(rows: Tensor) -> Iterator[Tuple[Tensor, int]]:
    """Parts that end in zeros, and how many of their rows there are."""
    for part in rows.split(ROWS_PER_PRODUCT):
        yield F.pad(part, (0, 0, 0, -len(part) % ROW_STEP)), len(part)
