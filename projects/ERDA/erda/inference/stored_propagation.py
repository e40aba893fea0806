"""Propagates the labels of a file of any size block by block; what comes out is what one large block would give."""
from collections import deque
from pathlib import Path
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..clouds.clicks import ClickedPoints
from ..clouds.cloud_format import PointCloud, chunk_bounds
from ..clouds.features import find_field
from ..weak_labels.label_propagation import (
    Calibration,
    NearestLabels,
    Paths,
    PropagatedLabels,
    calibrate,
    cheapest_of,
    cheapest_paths,
    keep_labels,
    labels_along,
    nearest_labels,
    remarks,
)
from ..weak_labels.surface_graph import (
    SurfaceGraph,
    choose_voxel_size,
    intensity_scale,
    scaled_intensity,
    surface_graph,
)
from .block_prediction import BlockLayout, PlannedBlock, plan_blocks
from .tile_store import TileStore

INTENSITY = 'intensity'
LAYOUT = BlockLayout(block_size=200., overlap=10., max_points=500_000, whole=True)
LEAST_GAIN = 0.01  # metres; a block is not looked at again for paths that are cheaper by less


class GraphSettings(NamedTuple):
    """How the surfaces of a file are found, the same in all of its blocks.

    Attributes:
        voxel_size: metres.
        intensity: name of the field; ``None`` to do without.
        scale: what the intensity is divided by.
    """
    voxel_size: float
    intensity: Optional[str] = None
    scale: float = 0.

    @classmethod
    def of(cls, chunk: PointCloud) -> 'GraphSettings':
        """Settings for a file that begins with these points."""
        name = find_field(chunk.fields, INTENSITY)
        scale = 0. if name is None or chunk.fields[name].dtype.kind == 'U' else intensity_scale(chunk.fields[name])
        return cls(choose_voxel_size(chunk.xyz), name if scale else None, scale)

    def fields_with(self, others: Sequence[str]) -> List[str]:
        """The fields that are needed, together with others."""
        return list(dict.fromkeys([*others, *([] if self.intensity is None else [self.intensity])]))

    def graph(self, cloud: PointCloud) -> SurfaceGraph:
        """The surfaces of some of its points."""
        intensity = None if self.intensity is None else scaled_intensity(cloud.fields[self.intensity], self.scale)
        return surface_graph(cloud.xyz, intensity, self.voxel_size)


class StoredPropagation(NamedTuple):
    """What labels say about all points of a file, which stays on disk.

    Attributes:
        paths: to points ``[N]``, mapped from files.
        clicked: the labels.
        calibration: from them.
    """
    paths: Paths
    clicked: ClickedPoints
    calibration: Calibration

    def labels(self, points: slice) -> PropagatedLabels:
        """Labels and confidence of a range of points."""
        paths = Paths(*(np.array(values[points]) for values in self.paths))
        result = labels_along(paths, self.clicked.label, self.calibration)
        rows = slice(*np.searchsorted(self.clicked.index, [points.start, points.stop]))
        return keep_labels(result, self.clicked.index[rows] - points.start, self.clicked.label[rows])

    def remarks(self) -> Tuple[str, ...]:
        """What could not be done, in sentences."""
        source = self.paths.source
        unreached = sum(int((source[part] < 0).sum()) for part in chunk_bounds(len(source), 1 << 20))
        return remarks(self.clicked.label, self.calibration, unreached)


def propagate_in_blocks(store: TileStore, clicked: ClickedPoints, settings: GraphSettings, folder: Path,
                        layout: BlockLayout = LAYOUT, advance: Callable[[int], None] = lambda points: None
                        ) -> StoredPropagation:
    """Propagate the labels of a file.

    A block takes over the paths that its neighbours have found into its margin, and is looked at again when they find
    cheaper ones, so that a label reaches as far as in the whole file.

    Args:
        store: all points of the file, with the field of the intensity.
        clicked: its labelled points.
        settings: of the file.
        folder: an empty one, for the graph of each block and the paths to each point; the caller deletes it.
        layout: how to cut the file; memory is bounded by its blocks.
        advance: called with the points of each block when it was looked at first.
    """
    blocks = _Blocks(store, clicked, settings, folder, list(plan_blocks(store, layout)))
    waiting: Deque[int] = deque(range(len(blocks.plans)))
    seen = set()
    while waiting:
        number = waiting.popleft()
        waiting.extend(other for other in blocks.extend_paths(number) if other not in waiting)
        if number not in seen:
            seen.add(number)
            advance(blocks.plans[number].core_points)
    return StoredPropagation(blocks.paths, clicked, calibrate(blocks.nearest_labels(), clicked.label))


class _Blocks:
    """Blocks whose graphs are on disk, and the paths to all points."""

    def __init__(self, store: TileStore, clicked: ClickedPoints, settings: GraphSettings, folder: Path,
                 plans: List[PlannedBlock]) -> None:
        self.plans = plans
        self._store, self._settings, self._folder = store, settings, folder
        self._last: Tuple[int, Dict[str, np.ndarray]] = (-1, {})
        source = np.memmap(folder / 'source', dtype=np.int32, mode='w+', shape=(store.num_points, ))
        cost = np.memmap(folder / 'cost', dtype=np.float32, mode='w+', shape=(store.num_points, ))
        source[:], cost[:] = -1, np.inf
        source[clicked.index], cost[clicked.index] = np.arange(len(clicked.index)), 0
        self.paths = Paths(source, cost)

    def extend_paths(self, number: int) -> List[int]:
        """Find cheaper paths to the points of a block's core; the blocks to whose margin they matter."""
        block = self._load(number)
        known = Paths(*(values[block['index']] for values in self.paths))
        if not (known.source >= 0).any():
            return []
        graph = SurfaceGraph(block['voxel'], block['neighbours'], block['cost'])
        found = Paths(*(values[graph.voxel] for values in cheapest_paths(graph, known)))
        with np.errstate(invalid='ignore'):  # infinite less infinite
            gain = np.where(np.isfinite(found.cost), known.cost - found.cost, 0)
        better = np.flatnonzero(block['core'] & (gain > 0))
        points = block['index'][better]
        self.paths.source[points], self.paths.cost[points] = found.source[better], found.cost[better]
        xyz = block['xyz'][better[gain[better] > LEAST_GAIN]]
        return [other for other, plan in enumerate(self.plans) if other != number and plan.region.holds(xyz).any()]

    def nearest_labels(self) -> NearestLabels:
        """For each label the nearest other one in any block."""
        found = [NearestLabels(*(np.empty(0, dtype=dtype) for dtype in (np.int64, np.int64, np.float64)))]
        for number in range(len(self.plans)):
            block = self._load(number)
            graph = SurfaceGraph(block['voxel'], block['neighbours'], block['cost'])
            voxel, point = np.unique(graph.voxel, return_index=True)
            found.append(nearest_labels(graph, Paths(*(values[block['index'][point]] for values in self.paths))))
        return cheapest_of(found)

    def _load(self, number: int) -> Dict[str, np.ndarray]:
        if self._last[0] != number:
            path = self._folder / f'{number}.npz'
            if path.exists():
                with np.load(path) as arrays:
                    self._last = number, dict(arrays)
            else:
                self._last = number, self._make(self.plans[number])
                if len(self.plans) > 1:
                    np.savez(path, **self._last[1])
        return self._last[1]

    def _make(self, plan: PlannedBlock) -> Dict[str, np.ndarray]:
        block = self._store.read(plan.region)
        graph = self._settings.graph(block.cloud)
        return dict(index=block.index, xyz=block.cloud.xyz, core=plan.core.holds(block.cloud.xyz),
                    **graph._asdict())
