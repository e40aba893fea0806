"""Labels that spread over the points that are shown, again after each click."""
import heapq

import numpy as np
from numba import njit
from scipy.sparse import csr_matrix

from ..inference.stored_propagation import GraphSettings
from ..weak_labels.label_propagation import (
    Paths,
    PropagatedLabels,
    calibrate,
    keep_labels,
    labels_along,
    nearest_labels,
    remarks,
)
from .shown_cloud import ShownCloud

SURE = 0.9  # a confidence from which on a person need not look


class LivePropagation:
    """The surfaces of a cloud, found once, and the labels that travel along them.

    The cheapest paths are kept from one call to the next: a new label is followed only as far as it is the cheapest, a
    label that is gone is replaced only where it was.

    Args:
        shown: N points.
    """

    def __init__(self, shown: ShownCloud) -> None:
        self.graph = GraphSettings.of(shown.cloud).graph(shown.cloud)
        voxels, edges = self.graph.cost.shape
        one_way = csr_matrix((self.graph.cost.ravel(), self.graph.neighbours.ravel(), edges * np.arange(voxels + 1)),
                             (voxels, voxels))
        self._edges = one_way.maximum(one_way.T)
        self._paths = Paths(np.full(voxels, -1), np.full(voxels, np.inf))

    def propagate(self, rows: np.ndarray, labels: np.ndarray) -> PropagatedLabels:
        """What labels of some points say about all of them, see :func:`propagate_labels`.

        Args:
            rows: ``[M]`` int64, the labelled points among those shown, ascending.
            labels: ``[M]`` int64, their classes.
        """
        self._follow(rows)
        paths = self._paths._replace(source=np.where(self._paths.source >= 0,
                                                     np.searchsorted(rows, self._paths.source), -1))
        calibration = calibrate(nearest_labels(self.graph, paths), labels)
        of_voxels, voxel = labels_along(paths, labels, calibration), self.graph.voxel
        result = PropagatedLabels(of_voxels.label[voxel], of_voxels.confidence[voxel], of_voxels.cost[voxel])
        result = keep_labels(result, rows, labels)
        return result._replace(remarks=remarks(labels, calibration, int(np.isinf(result.cost).sum())))

    def _follow(self, rows: np.ndarray) -> None:
        """Change the paths, whose sources are rows of points, to those from these points."""
        source, cost = self._paths
        lost = (source >= 0) & ~np.isin(source, rows)
        source[lost], cost[lost] = -1, np.inf
        around = np.unique(self._edges[lost].indices) if lost.any() else np.empty(0, dtype=np.int64)
        around = around[source[around] >= 0]
        voxel, first = np.unique(self.graph.voxel[rows], return_index=True)
        new = cost[voxel] > 0
        source[voxel[new]], cost[voxel[new]] = rows[first[new]], 0
        _spread(np.concatenate([around, voxel[new]]), self._edges.indptr, self._edges.indices, self._edges.data, source,
                cost)


def share_sure(result: PropagatedLabels) -> float:
    """Share of the points that have a label with a confidence of 90% or more.

    Examples:
        >>> share_sure(PropagatedLabels(np.array([0, 1, -1, 1]), np.array([.95, .5, 0, .9]), np.zeros(4)))
        0.5
    """
    return float(((result.label >= 0) & (result.confidence >= SURE)).mean())


@njit
def _spread(begin: np.ndarray, starts: np.ndarray, ends: np.ndarray, lengths: np.ndarray, source: np.ndarray,
            cost: np.ndarray) -> None:
    """Dijkstra's algorithm from voxels that are reached, as far as it makes paths cheaper; changes source and cost."""
    waiting = [(cost[voxel], voxel) for voxel in begin]
    heapq.heapify(waiting)
    while len(waiting):
        spent, voxel = heapq.heappop(waiting)
        if spent > cost[voxel]:
            continue
        for edge in range(starts[voxel], starts[voxel + 1]):
            end, total = np.int64(ends[edge]), spent + lengths[edge]
            if total < cost[end]:
                cost[end], source[end] = total, source[voxel]
                heapq.heappush(waiting, (total, end))
