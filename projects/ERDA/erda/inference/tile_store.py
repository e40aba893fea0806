"""Points of a file of any size in tiles on disk, so that a block of space is read without the rest."""
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..clouds.cloud_files import PointCloud
from ..clouds.cloud_format import names_of

READ_POINTS = 250_000  # points in memory at a time while a tile is searched

Tile = Tuple[int, int]


class Region(NamedTuple):
    """A rectangle seen from above, in metres; it holds its lower edges, not its upper ones."""
    min_x: float
    min_y: float
    max_x: float
    max_y: float

    def grow(self, margin: float) -> 'Region':
        """The same with a margin in metres on all sides."""
        return Region(self.min_x - margin, self.min_y - margin, self.max_x + margin, self.max_y + margin)

    def holds(self, xyz: np.ndarray) -> np.ndarray:
        """``[N]`` bool for points ``[N, 3]``."""
        x, y = xyz[:, 0], xyz[:, 1]
        return (x >= self.min_x) & (x < self.max_x) & (y >= self.min_y) & (y < self.max_y)


class Block(NamedTuple):
    """Points of a region in the order of the file.

    Attributes:
        cloud: n points.
        index: ``[n]`` int64, their numbers in the file.
        tiles: the tiles that the points are from, each with its rows in the tile, ascending.
        order: ``[n]`` int64, position in the rows of all tiles, one after the other, of each point of the cloud.
    """
    cloud: PointCloud
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    tiles: List[Tuple[Tile, np.ndarray]]
    order: np.ndarray


class TileStore:
    """Points and votes of one file in a folder, in square tiles. Memory is bounded by what is asked for.

    A tile has a file of points, in the order of the input, and a file of votes: the sum of the probabilities of each
    class and the number of predictions of each point. Files are mapped only while they are read or written.

    Args:
        folder: an existing empty folder; the caller deletes it.
        tile_size: side of a tile, metres.
        num_classes: K.
    """

    def __init__(self, folder: Path, tile_size: float, num_classes: int) -> None:
        self.folder = folder
        self.tile_size = tile_size
        self.num_classes = num_classes
        self.counts: Dict[Tile, int] = {}
        self.num_points = 0
        self.bounds = Region(np.inf, np.inf, -np.inf, -np.inf)
        self._chunks: List[List[Tuple[Tile, int, int]]] = []  # rows of each tile that each chunk went to
        self._dtype: np.dtype = np.dtype([])

    def add(self, chunk: PointCloud, fields: Sequence[str]) -> None:
        """Store the next points of the file, with these of their fields.

        Raises:
            ValueError: if a coordinate is NaN or infinite.
        """
        xyz = np.asarray(chunk.xyz, dtype=np.float64)
        if not np.isfinite(xyz).all():
            raise ValueError(f'{int((~np.isfinite(xyz)).any(axis=1).sum())} points have NaN or infinite coordinates')
        if not self._chunks:
            columns = [(name, np.asarray(chunk.fields[name]).dtype) for name in fields]
            self._dtype = np.dtype([('index', np.int64), ('xyz', np.float64, 3), *columns])
        records = np.empty(len(xyz), dtype=self._dtype)
        records['index'] = np.arange(self.num_points, self.num_points + len(xyz))
        records['xyz'] = xyz
        for name in fields:
            records[name] = chunk.fields[name]
        self.num_points += len(xyz)

        slices = []
        tiles = np.floor(xyz[:, :2] / self.tile_size).astype(np.int64)
        order = np.lexsort((tiles[:, 1], tiles[:, 0]))  # stable: the order of the file stays inside a tile
        starts = np.flatnonzero(np.any(np.diff(tiles[order], axis=0, prepend=tiles[order][:1] - 1), axis=1))
        for rows in np.split(order, starts[1:]) if len(xyz) else []:
            tile = tuple(tiles[rows[0]].tolist())
            with open(self._points_file(tile), 'ab') as file:
                file.write(records[rows].tobytes())
            start = self.counts.get(tile, 0)
            self.counts[tile] = start + len(rows)
            slices.append((tile, start, start + len(rows)))
        self._chunks.append(slices)
        if len(xyz):
            low, high = xyz.min(axis=0), np.nextafter(xyz.max(axis=0), np.inf)
            self.bounds = Region(*np.minimum(self.bounds[:2], low[:2]).tolist(),
                                 *np.maximum(self.bounds[2:], high[:2]).tolist())

    def tile_region(self, tile: Tile) -> Region:
        """The square of a tile."""
        x, y = (number * self.tile_size for number in tile)
        return Region(x, y, x + self.tile_size, y + self.tile_size)

    def count(self, region: Region) -> int:
        """Number of points in a region."""
        return sum(len(rows) for tile in self._tiles_in(region) for rows, _ in self._search(tile, region))

    def read(self, region: Region) -> Block:
        """The points in a region."""
        tiles, records = [], [np.empty(0, dtype=self._dtype)]
        for tile in self._tiles_in(region):
            found = list(self._search(tile, region))
            tiles.append((tile, np.concatenate([rows for rows, _ in found])))
            records += [part for _, part in found]
        records = np.concatenate(records)
        order = np.argsort(records['index'], kind='stable')
        records = records[order]
        fields = {name: records[name] for name in names_of(self._dtype)[2:]}
        return Block(PointCloud(records['xyz'], fields), records['index'], tiles, order)

    def vote(self, block: Block, probabilities: np.ndarray) -> None:
        """Add a prediction ``[n, K]`` of the points of a block."""
        in_tiles = np.empty_like(probabilities)
        in_tiles[block.order] = probabilities
        start = 0
        for tile, rows in block.tiles:
            path = self.folder / f'{tile[0]}_{tile[1]}.votes'
            shape = (self.counts[tile], self.num_classes + 1)
            votes = np.memmap(path, dtype=np.float32, mode='r+' if path.exists() else 'w+', shape=shape)
            votes[rows, :-1] += in_tiles[start:start + len(rows)]
            votes[rows, -1] += 1
            start += len(rows)

    def probabilities(self) -> Iterator[np.ndarray]:
        """The mean of the predictions, ``[n, K]`` float32, for each chunk that :meth:`add` was given, in its order.

        Raises:
            ValueError: if a point has no prediction.
        """
        first = 0
        for slices in self._chunks:
            size = sum(stop - start for _, start, stop in slices)
            result = np.empty((size, self.num_classes), dtype=np.float32)
            for tile, start, stop in slices:
                votes = np.memmap(self.folder / f'{tile[0]}_{tile[1]}.votes', dtype=np.float32, mode='r',
                                  shape=(self.counts[tile], self.num_classes + 1))[start:stop]
                if (votes[:, -1] == 0).any():
                    raise ValueError(f'{int((votes[:, -1] == 0).sum())} points of tile {tile} have no prediction')
                index = self._records(tile)[start:stop]['index'] - first
                result[index] = votes[:, :-1] / votes[:, -1:]
            first += size
            yield result

    def _points_file(self, tile: Tile) -> Path:
        return self.folder / f'{tile[0]}_{tile[1]}.points'

    def _records(self, tile: Tile) -> np.ndarray:
        return np.memmap(self._points_file(tile), dtype=self._dtype, mode='r', shape=(self.counts[tile], ))

    def _tiles_in(self, region: Region) -> List[Tile]:
        low = np.floor(np.maximum(region[:2], self.bounds[:2]) / np.float64(self.tile_size)).astype(np.int64).tolist()
        high = np.floor(np.minimum(region[2:], self.bounds[2:]) / np.float64(self.tile_size)).astype(np.int64).tolist()
        if (high[0] - low[0] + 1) * (high[1] - low[1] + 1) > len(self.counts):
            return sorted(tile for tile in self.counts
                          if low[0] <= tile[0] <= high[0] and low[1] <= tile[1] <= high[1])
        tiles = ((x, y) for x in range(low[0], high[0] + 1) for y in range(low[1], high[1] + 1))
        return [tile for tile in tiles if tile in self.counts]

    def _search(self, tile: Tile, region: Region) -> Iterable[Tuple[np.ndarray, np.ndarray]]:
        """Rows and records of the points of a tile that are in a region, some at a time."""
        records = self._records(tile)
        for start in range(0, len(records), READ_POINTS):
            part = records[start:start + READ_POINTS]
            rows = np.flatnonzero(region.holds(part['xyz']))
            yield start + rows, np.asarray(part[rows])
