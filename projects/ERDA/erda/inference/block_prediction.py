"""Predicts a file block by block; where blocks overlap, the probabilities are averaged."""
from itertools import product
from typing import Callable, Iterator, List, NamedTuple, Set, Tuple

import numpy as np

from ..clouds.blocks import BlockGrid
from ..clouds.cloud_files import PointCloud
from .tile_store import Region, TileStore

SMALLEST_BLOCK = 0.5  # metres; points of a block of this size are not split any further


class BlockLayout(NamedTuple):
    """How a file is cut into blocks seen from above: as :class:`BlockGrid` does for training.

    Attributes:
        block_size: largest side of a block, margin included, metres.
        overlap: width of what neighbouring blocks share, metres; half of it is a block's margin on each side.
        max_points: a block with more points, margin included, is split.
        min_points: a block with fewer points gets a larger margin; too few points make a bad scene.
        whole: predict a file of at most ``max_points`` points in one piece, however large it is.
    """
    block_size: float
    overlap: float
    max_points: int = 1_000_000
    min_points: int = 512
    whole: bool = False


class PlannedBlock(NamedTuple):
    """A block seen from above.

    Attributes:
        region: what is predicted, margin included.
        core: the part that belongs to no other block.
        core_points: number of points in the core.
    """
    region: Region
    core: Region
    core_points: int


def plan_blocks(store: TileStore, layout: BlockLayout) -> Iterator[PlannedBlock]:
    """Blocks that hold every point of the store at least once."""
    bounds = store.bounds
    if store.num_points <= layout.max_points and layout.whole:
        yield PlannedBlock(bounds, bounds, store.num_points)
        return
    grid = BlockGrid.over(np.array(bounds[:2]), np.array(bounds[2:]), layout.block_size, layout.overlap)
    for column, row in _occupied_cells(store, grid):
        core = Region(*_edges(grid, (column, row), bounds), *_edges(grid, (column + 1, row + 1), bounds))
        yield from _fit(store, core, grid.margin, layout)


def predict_blocks(store: TileStore, layout: BlockLayout, predict: Callable[[PointCloud], np.ndarray],
                   advance: Callable[[int], None]) -> None:
    """Predict every block and store the votes.

    Args:
        store: all points of a file; gets the votes.
        layout: how to cut it.
        predict: maps n points to probabilities ``[n, K]``.
        advance: called after each block with the number of points that are new.
    """
    for plan in plan_blocks(store, layout):
        block = store.read(plan.region)
        store.vote(block, predict(block.cloud))
        advance(plan.core_points)


def _occupied_cells(store: TileStore, grid: BlockGrid) -> List[Tuple[int, int]]:
    """Cells that may have points: a single stray point far away must not make the grid endless."""
    cells: Set[Tuple[int, int]] = set()
    for tile in store.counts:
        region = store.tile_region(tile)
        (low_x, low_y), (high_x, high_y) = grid.cells(np.array([region[:2], region[2:]])).tolist()
        cells.update(product(range(low_x, high_x + 1), range(low_y, high_y + 1)))
    return sorted(cells)


def _edges(grid: BlockGrid, cell: Tuple[int, int], bounds: Region) -> List[float]:
    """Lower edges of a cell, metres, the same number for the cell and as the upper edge of its neighbour."""
    return [high if number == count else float(low + size * number)
            for low, size, number, count, high in zip(grid.low, grid.cell, cell, grid.shape, bounds[2:])]


def _fit(store: TileStore, core: Region, margin: float, layout: BlockLayout) -> Iterator[PlannedBlock]:
    core_points = store.count(core)
    if core_points == 0:
        return
    width, depth = core.max_x - core.min_x, core.max_y - core.min_y
    points = store.count(core.grow(margin))
    if points > layout.max_points and max(width, depth) > SMALLEST_BLOCK:
        middle_x, middle_y = (core.min_x + core.max_x) / 2, (core.min_y + core.max_y) / 2
        halves = ((core._replace(max_x=middle_x), core._replace(min_x=middle_x)) if width >= depth else
                  (core._replace(max_y=middle_y), core._replace(min_y=middle_y)))
        for half in halves:
            # Never wider than the half, so that splitting always makes a block smaller.
            yield from _fit(store, half, min(margin, max(width, depth) / 4), layout)
        return
    wider = max(margin, layout.block_size / 100)
    while points < min(layout.min_points, store.num_points):
        wider *= 2
        points = store.count(core.grow(wider))
        if points > layout.max_points:  # from nothing to too much: a crowd of points far away
            break
        margin = wider
    yield PlannedBlock(core.grow(margin), core, core_points)
