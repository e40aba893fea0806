"""The points of a file that are shown: all, or a random part of a large one."""
from pathlib import Path
from typing import Callable, Collection, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ..clouds.cloud_files import PointCloud, count_points, iter_point_cloud
from ..clouds.features import RGB, colour_depth, find_field
from .colouring import rgb_colours
from .picking import usual_spacing

MAX_POINTS = 2_000_000
CHUNK_POINTS = 1_000_000


class ShownCloud(NamedTuple):
    """N points of a file.

    Attributes:
        path: the file.
        total: number of points that it has.
        index: ``[N]`` int64, their numbers in the file, ascending.
        cloud: their coordinates and the fields that are numbers.
        origin: ``[3]`` float64, of the scene in the coordinates of the file.
        xyz: ``[N, 3]`` float32, from the origin.
        spacing: see :func:`erda.labelling.picking.usual_spacing`.
    """
    path: Path
    total: int
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    cloud: PointCloud
    origin: np.ndarray
    xyz: np.ndarray
    spacing: float

    def rows_of(self, index: np.ndarray) -> np.ndarray:
        """The row of each point ``[M]`` by its number in the file, -1 if it is not shown."""
        rows = np.minimum(np.searchsorted(self.index, index), len(self.index) - 1)
        return np.where(self.index[rows] == index, rows, -1)

    def rgb(self) -> Optional[np.ndarray]:
        """``[N, 3]`` uint8, ``None`` without colours or if they are all the same."""
        names = [find_field(self.cloud.fields, name) for name in RGB]
        if any(name is None for name in names):
            return None
        fields = {name: self.cloud.fields[name] for name in names if name is not None}
        if all(np.ptp(values) == 0 for values in fields.values()):
            return None
        depth = colour_depth({name: float(values.max()) for name, values in fields.items()})
        return rgb_colours(np.stack(list(fields.values()), axis=1), depth)


def read_shown(path: Path, max_points: int = MAX_POINTS, wanted: Collection[int] = (),
               columns: Optional[Sequence[str]] = None,
               advance: Callable[[int, int], None] = lambda points, total: None) -> ShownCloud:
    """Read what is shown of a file; memory is bounded by it and by a chunk.

    Args:
        path: file.
        max_points: about how many to show, a random part of a larger file, the same one each time.
        wanted: numbers of points to show in any case.
        columns: names of the columns of a ``.bin`` file, see :func:`count_points`.
        advance: called with the points just read and all points.

    Raises:
        PointCloudError: if the file cannot be read.
    """
    total, start = count_points(path, columns), 0
    rng, share = np.random.default_rng(0), max_points / total
    index: List[np.ndarray] = []
    xyz: List[np.ndarray] = []
    fields: Dict[str, List[np.ndarray]] = {}
    for chunk in iter_point_cloud(path, CHUNK_POINTS, columns):
        numbers = np.arange(start, start := start + len(chunk.xyz))
        shown = np.ones(len(numbers), dtype=bool)
        if share < 1:
            shown = (rng.random(len(numbers)) < share) | np.isin(numbers, list(wanted))
        index.append(numbers[shown])
        xyz.append(chunk.xyz[shown])
        for name, values in chunk.fields.items():
            if values.dtype.kind != 'U':
                fields.setdefault(name, []).append(values[shown])
        advance(len(numbers), total)
    joined = np.concatenate(xyz)
    cloud = PointCloud(joined, {name: np.concatenate(parts) for name, parts in fields.items()
                                if sum(map(len, parts)) == len(joined)})
    origin = np.floor((joined.min(axis=0) + joined.max(axis=0)) / 2)
    local = (joined - origin).astype(np.float32)
    return ShownCloud(path, total, np.concatenate(index), cloud, origin, local, usual_spacing(local))
