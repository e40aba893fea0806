"""Labels that spread over the points that are shown, again after each click."""
import numpy as np

from ..inference.stored_propagation import GraphSettings
from ..weak_labels.label_propagation import (
    Paths,
    PropagatedLabels,
    calibrate,
    cheapest_paths,
    keep_labels,
    labels_along,
    nearest_labels,
    remarks,
)
from .shown_cloud import ShownCloud

SURE = 0.9  # a confidence from which on a person need not look


class LivePropagation:
    """The surfaces of a cloud, found once, and the labels that travel along them.

    Args:
        shown: N points.
    """

    def __init__(self, shown: ShownCloud) -> None:
        self.graph = GraphSettings.of(shown.cloud).graph(shown.cloud)

    def propagate(self, rows: np.ndarray, labels: np.ndarray) -> PropagatedLabels:
        """What labels of some points say about all of them, see :func:`propagate_labels`.

        Args:
            rows: ``[M]`` int64, the labelled points among those shown.
            labels: ``[M]`` int64, their classes.
        """
        count = len(self.graph.voxel)
        begin = Paths(np.full(count, -1), np.full(count, np.inf))
        begin.source[rows], begin.cost[rows] = np.arange(len(rows)), 0
        paths = cheapest_paths(self.graph, begin)
        calibration = calibrate(nearest_labels(self.graph, paths), labels)
        of_voxels = labels_along(paths, labels, calibration)
        voxel = self.graph.voxel
        result = PropagatedLabels(of_voxels.label[voxel], of_voxels.confidence[voxel], of_voxels.cost[voxel])
        result = keep_labels(result, rows, labels)
        return result._replace(remarks=remarks(labels, calibration, int(np.isinf(result.cost).sum())))


def share_sure(result: PropagatedLabels) -> float:
    """Share of the points that have a label with a confidence of 90% or more.

    Examples:
        >>> share_sure(PropagatedLabels(np.array([0, 1, -1, 1]), np.array([.95, .5, 0, .9]), np.zeros(4)))
        0.5
    """
    return float(((result.label >= 0) & (result.confidence >= SURE)).mean())
