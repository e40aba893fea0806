"""Cuts large files into overlapping blocks, once, into a cache that is made anew when the file changes."""
import itertools
import json
import os
import shutil
import tempfile
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import print_log

from .cloud_files import PointCloud, PointCloudError, count_points, iter_point_cloud
from .cloud_format import names_of
from .features import field_name

VERSION = 1  # of the cache's files
CHUNK_POINTS = 1_000_000
INDEX = 'index.json'


class BlockGrid(NamedTuple):
    """Cells of equal size over a file, each of which is the core of a block.

    Attributes:
        low: ``[2]`` smallest x and y, metres.
        cell: ``[2]`` size of a cell, metres, at most ``block_size - overlap``.
        shape: ``[2]`` number of cells.
        margin: what a block has beyond its cell on each side, metres.
    """
    low: np.ndarray
    cell: np.ndarray
    shape: np.ndarray
    margin: float

    @classmethod
    def over(cls, low: np.ndarray, high: np.ndarray, block_size: float, overlap: float) -> 'BlockGrid':
        """The fewest cells that cover a file and leave no narrow rest at its edge."""
        extent = np.maximum(high - low, 1e-3)
        # The margin ends at the edge of the file, so a file of one block's size is one block.
        shape = np.where(extent <= block_size, 1, np.ceil(extent / (block_size - overlap))).astype(np.int64)
        return cls(low, extent / shape, shape, overlap / 2)

    def cells(self, xy: np.ndarray, shift: float = 0.) -> np.ndarray:
        """Cell ``[N, 2]`` of each point moved by ``shift`` metres on both axes."""
        return np.clip(np.floor((xy + shift - self.low) / self.cell).astype(np.int64), 0, self.shape - 1)

    def members(self, xy: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, blocks and whether the point is in the block's core, for each pair of a point and a block that has it.

        Args:
            xy: ``[N, 2]`` metres.

        Returns: rows ``[M]`` ascending, flat cell numbers ``[M]``, core ``[M]`` bool.
        """
        home, low, high = self.cells(xy), self.cells(xy, -self.margin), self.cells(xy, self.margin)
        reach = int(np.ceil(self.margin / self.cell.min()))
        rows, blocks, cores = [], [], []
        for offset in itertools.product(range(-reach, reach + 1), repeat=2):
            cell = home + offset
            row = np.flatnonzero(((cell >= low) & (cell <= high)).all(axis=1))
            rows.append(row)
            blocks.append(cell[row, 0] * self.shape[1] + cell[row, 1])
            cores.append(np.full(len(row), offset == (0, 0)))
        row, block, core = np.concatenate(rows), np.concatenate(blocks), np.concatenate(cores)
        order = np.argsort(row, kind='stable')
        return row[order], block[order], core[order]


class BlockRecords(NamedTuple):
    """Points of a block in the order of the file.

    Attributes:
        cloud: n points.
        index: ``[n]`` int64, their numbers in the file.
        core: ``[n]`` bool, false for points that are in the core of a neighbour.
    """
    cloud: PointCloud
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    core: np.ndarray


class BlockCache:
    """Blocks of one file.

    Args:
        path: file of points.
        folder: where the caches of all files are.
        block_size: side of a block, metres.
        overlap: what neighbours share, metres.
        fields: fields to keep, by the names that :func:`field_name` finds.
        label_field: one of them, whose values are counted.
        columns: names of the columns of a ``.bin`` file, see :func:`count_points`.

    Attributes:
        counts: number of points of each block by its name, COLUMN_ROW.
        label_counts: number of points of the file with each value of the label field.

    Raises:
        PointCloudError: if the file cannot be used or has not the fields.
        OSError: if the folder cannot be written.
    """

    def __init__(self, path: Path, folder: Path, block_size: float, overlap: float, fields: Sequence[str],
                 label_field: Optional[str] = None, columns: Optional[Sequence[str]] = None) -> None:
        self.path = path
        self._columns = columns
        status = path.stat()
        source = dict(size=status.st_size, mtime_ns=status.st_mtime_ns)
        layout = dict(version=VERSION, block_size=block_size, overlap=overlap, fields=sorted(set(fields)),
                      label_field=label_field, **(dict(columns=list(columns)) if columns else {}))
        key = json.dumps([path.resolve().as_posix(), source, layout])
        home = folder / blake2b(path.resolve().as_posix().encode(), digest_size=8).hexdigest()
        self.folder = home / blake2b(key.encode(), digest_size=8).hexdigest()
        if not (self.folder / INDEX).is_file():
            home.mkdir(parents=True, exist_ok=True)
            _remove_outdated(home, source)
            print_log(f'Cutting {path} into blocks of {block_size:g} m in {folder}', logger='current')
            self._build(home, source, layout)
        index = json.loads((self.folder / INDEX).read_text())
        self.dtype = np.dtype([tuple(entry[:2]) + ((3, ) if entry[0] == 'xyz' else ()) for entry in index['dtype']])
        self.counts: Dict[str, int] = index['counts']
        self.label_counts: Dict[float, int] = dict(index['label_counts'])

    def read(self, key: str) -> BlockRecords:
        """Points of a block."""
        records = np.fromfile(self.folder / f'{key}.block', dtype=self.dtype)
        names = [name for name in names_of(self.dtype) if name not in ('index', 'core', 'xyz')]
        fields = {name: np.ascontiguousarray(records[name]) for name in names}
        return BlockRecords(PointCloud(np.ascontiguousarray(records['xyz']), fields), records['index'], records['core'])

    def _build(self, home: Path, source: dict, layout: dict) -> None:
        grid = BlockGrid.over(*_extent(self.path, self._columns), layout['block_size'], layout['overlap'])
        part = Path(tempfile.mkdtemp(prefix='part-', dir=home))
        try:
            index = self._write_blocks(part, grid, layout['fields'], layout['label_field'])
            (part / INDEX).write_text(json.dumps(dict(index, source=source)))
            try:
                os.rename(part, self.folder)
            except OSError:
                if not (self.folder / INDEX).is_file():  # otherwise another process was faster
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _write_blocks(self, part: Path, grid: BlockGrid, fields: Sequence[str], label_field: Optional[str]) -> dict:
        counts: Counter[str] = Counter()
        label_counts: Counter[float] = Counter()
        start, dtype = 0, None
        for chunk in iter_point_cloud(self.path, CHUNK_POINTS, self._columns):
            columns = {name: chunk.fields[_own_name(self.path, chunk, name)] for name in fields}
            dtype = dtype or np.dtype([('index', '<i8'), ('core', '?'), ('xyz', '<f8', 3),
                                       *((name, values.dtype) for name, values in columns.items())])
            records = np.empty(len(chunk.xyz), dtype=dtype)
            records['index'] = np.arange(start, start + len(records))
            records['xyz'] = chunk.xyz
            for name, values in columns.items():
                records[name] = values
            start += len(records)
            rows, blocks, cores = grid.members(chunk.xyz[:, :2])
            for block, members in _groups(blocks):
                key = f'{block // grid.shape[1]}_{block % grid.shape[1]}'
                chosen = records[rows[members]]
                chosen['core'] = cores[members]
                with (part / f'{key}.block').open('ab') as file:
                    chosen.tofile(file)
                counts[key] += len(chosen)
            if label_field is not None:
                values, numbers = np.unique(columns[label_field], return_counts=True)
                label_counts.update(dict(zip(values.tolist(), numbers.tolist())))
        assert dtype is not None  # a file has points
        entries = [[name, dtype[name].base.str] for name in names_of(dtype)]
        return dict(counts=dict(sorted(counts.items())), label_counts=sorted(label_counts.items()), dtype=entries)


def _own_name(path: Path, chunk: PointCloud, name: str) -> str:
    try:
        return field_name(chunk.fields, name)
    except PointCloudError as error:
        raise PointCloudError(f'{path}: {error}.') from error


def _extent(path: Path, columns: Optional[Sequence[str]]) -> Tuple[np.ndarray, np.ndarray]:
    """Smallest and largest x and y."""
    count_points(path, columns)
    bounds = [(chunk.xyz[:, :2].min(axis=0), chunk.xyz[:, :2].max(axis=0))
              for chunk in iter_point_cloud(path, CHUNK_POINTS, columns)]
    return np.min([low for low, _ in bounds], axis=0), np.max([high for _, high in bounds], axis=0)


def _groups(keys: np.ndarray) -> Iterator[Tuple[int, np.ndarray]]:
    """Each key and the positions that have it, ascending."""
    order = np.argsort(keys, kind='stable')
    values, starts = np.unique(keys[order], return_index=True)
    for value, members in zip(values, np.split(order, starts[1:])):
        yield int(value), members


def _remove_outdated(home: Path, source: dict) -> None:
    """Delete blocks of the file as it was before it changed; those of other block sizes stay."""
    for index in home.glob(f'*/{INDEX}'):
        try:
            outdated = json.loads(index.read_text())['source'] != source
        except (ValueError, KeyError, OSError):
            outdated = True
        if outdated:
            shutil.rmtree(index.parent, ignore_errors=True)
