"""Labels travel along surfaces: every point gets the class of the label that the cheapest path leads to."""
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from .budgets import UNLABELED, is_class
from .surface_graph import SurfaceGraph, surface_graph


class PropagatedLabels(NamedTuple):
    """What N points are, by the labels of some of them.

    Attributes:
        label: ``[N]`` int64, a class, or ``UNLABELED`` where no path leads, or where all labels are of one class.
        confidence: ``[N]`` float32 in 0 to 1, how often a label at this cost should be right; 0 where that is unknown.
        cost: ``[N]`` float32 of the cheapest path to a label, see :func:`surface_graph`; infinite if there is none.
        remarks: sentences about what could not be done.
    """
    label: np.ndarray
    confidence: np.ndarray
    cost: np.ndarray
    remarks: Tuple[str, ...] = ()


class Paths(NamedTuple):
    """The cheapest path to each of M points or voxels.

    Attributes:
        source: ``[M]`` int64, the number of the label that it begins at, -1 if there is no path.
        cost: ``[M]`` float64, infinite if there is none.
    """
    source: np.ndarray
    cost: np.ndarray


class NearestLabels(NamedTuple):
    """For each of L labels that meet another: its number, that of the nearest other one, and the cost of the way."""
    source: np.ndarray
    other: np.ndarray
    cost: np.ndarray


class Calibration(NamedTuple):
    """Confidence over cost: corners of a line that falls, flat beyond its ends; none if it is not known."""
    cost: np.ndarray
    confidence: np.ndarray

    def of(self, cost: np.ndarray) -> np.ndarray:
        """Confidence ``[M]`` float32 at costs ``[M]``, 0 at an infinite one."""
        if not len(self.cost):
            return np.zeros(len(cost), dtype=np.float32)
        return np.where(np.isfinite(cost), np.interp(cost, self.cost, self.confidence), 0).astype(np.float32)


def propagate_labels(xyz: np.ndarray, labels: np.ndarray, num_classes: int, intensity: Optional[np.ndarray] = None,
                     voxel_size: Optional[float] = None) -> PropagatedLabels:
    """The class of the label that is nearest along the surface, for every point; the same bits each time.

    Nothing is seen but the labels of classes: a void point is treated as an unlabelled one. A labelled point keeps its
    label, with a confidence of 1.

    Args:
        xyz: ``[N, 3]`` float64, metres.
        labels: ``[N]`` int64, a class in 0 to K-1, ``UNLABELED`` or void.
        num_classes: K.
        intensity: ``[N]`` in 0 to 1, see :func:`erda.weak_labels.surface_graph.scaled_intensity`.
        voxel_size: metres, see :func:`erda.weak_labels.surface_graph.surface_graph`.
    """
    graph = surface_graph(xyz, intensity, voxel_size)
    labelled = np.flatnonzero(is_class(labels, num_classes))
    classes = labels[labelled]
    begin = Paths(np.full(len(xyz), -1), np.full(len(xyz), np.inf))
    begin.source[labelled], begin.cost[labelled] = np.arange(len(labelled)), 0
    paths = cheapest_paths(graph, begin)
    calibration = calibrate(nearest_labels(graph, paths), classes)
    result = labels_along(Paths(*(values[graph.voxel] for values in paths)), classes, calibration)
    result = keep_labels(result, labelled, classes)
    return result._replace(remarks=remarks(classes, calibration, int(np.isinf(result.cost).sum())))


def cheapest_paths(graph: SurfaceGraph, known: Paths) -> Paths:
    """Dijkstra's algorithm from all points at the same time to which a path is known.

    Args:
        graph: of N points and V voxels.
        known: to points ``[N]``; the cost is 0 at a label.

    Returns: paths to voxels ``[V]``.
    """
    voxels, edges = graph.cost.shape
    begin = np.flatnonzero(known.source >= 0)
    begin = begin[np.lexsort((known.source[begin], known.cost[begin], graph.voxel[begin]))]
    voxel, first = np.unique(graph.voxel[begin], return_index=True)
    begin, count = begin[first], len(first)
    if not count:
        return Paths(np.full(voxels, -1), np.full(voxels, np.inf))
    # What a path has cost before it enters a voxel is the length of an edge from a node of its own.
    starts = np.concatenate([np.arange(voxels) * edges, voxels * edges + np.arange(count + 1)])
    matrix = csr_matrix((np.concatenate([graph.cost.ravel(), known.cost[begin]]),
                         np.concatenate([graph.neighbours.ravel(), voxel]), starts), (voxels + count, ) * 2)
    cost, _, node = dijkstra(matrix, directed=False, indices=np.arange(voxels, voxels + count), min_only=True,
                             return_predecessors=True)
    reached = np.isfinite(cost[:voxels])
    source = known.source[begin[np.where(reached, node[:voxels] - voxels, 0)]]
    return Paths(np.where(reached, source, -1), cost[:voxels])


def nearest_labels(graph: SurfaceGraph, paths: Paths) -> NearestLabels:
    """For each label the cheapest way to another: over an edge from the voxels nearest to it to those of the other."""
    ends = paths.source[graph.neighbours]
    row, column = np.nonzero((ends != paths.source[:, None]) & (ends >= 0) & (paths.source >= 0)[:, None])
    end = graph.neighbours[row, column]
    source, other, cost = paths.source[row], paths.source[end], paths.cost[row] + paths.cost[end]
    cost += graph.cost[row, column]
    return cheapest_of([NearestLabels(source, other, cost), NearestLabels(other, source, cost)])


def cheapest_of(found: Sequence[NearestLabels]) -> NearestLabels:
    """The cheapest of several ways for each label."""
    source, other, cost = (np.concatenate(values) for values in zip(*found))
    order = np.lexsort((other, cost, source))
    source, first = np.unique(source[order], return_index=True)
    return NearestLabels(source, other[order[first]], cost[order[first]])


def calibrate(nearest: NearestLabels, classes: np.ndarray) -> Calibration:
    """Leave-one-out: how often the nearest other label is of the same class, over the cost of the way to it.

    Isotonic regression makes steps of equal confidence that fall with the cost. Of a step with n labels, a of which
    agree, it is (a + 1) / (n + 2), so that a few labels never make it certain.

    Args:
        nearest: of L labels.
        classes: of all labels by their numbers.
    """
    if not len(nearest.cost):
        return Calibration(np.empty(0), np.empty(0))
    order = np.argsort(nearest.cost, kind='stable')
    agrees = (classes[nearest.source] == classes[nearest.other])[order]
    steps = isotonic_regression(agrees, increasing=False)
    count = np.diff(steps.blocks)
    confidence = np.minimum.accumulate((np.add.reduceat(agrees, steps.blocks[:-1], dtype=np.int64) + 1) / (count + 2))
    ends = np.stack([steps.blocks[:-1], steps.blocks[1:] - 1], axis=1)
    return Calibration(nearest.cost[order][ends].ravel(), np.repeat(confidence, 2))


def labels_along(paths: Paths, classes: np.ndarray, calibration: Calibration) -> PropagatedLabels:
    """What paths to N points say about them.

    Args:
        paths: to points.
        classes: of all labels by their numbers.
        calibration: from these labels.
    """
    reached = paths.source >= 0
    if len(np.unique(classes)) < 2:  # nothing tells where that one class ends
        reached = np.zeros(len(reached), dtype=bool)
    label = np.full(len(reached), UNLABELED)
    label[reached] = classes[paths.source[reached]]
    confidence = np.where(reached, calibration.of(paths.cost), np.float32(0))
    return PropagatedLabels(label, confidence, paths.cost.astype(np.float32))


def keep_labels(result: PropagatedLabels, index: np.ndarray, classes: np.ndarray) -> PropagatedLabels:
    """The result, in which the points of these numbers have these classes for certain; changed in place."""
    result.label[index], result.confidence[index], result.cost[index] = classes, 1, 0
    return result


def remarks(classes: np.ndarray, calibration: Calibration, unreached: int) -> Tuple[str, ...]:
    """What could not be done, in sentences.

    Args:
        classes: of all labels.
        calibration: from these labels.
        unreached: number of points without a path.
    """
    if not len(classes):
        return ('No point is labelled, so none gets a label.', )
    if len(np.unique(classes)) < 2:
        return ('All labels are of one class, and nothing tells where it ends: no other point gets a label.', )
    said = []
    if not len(calibration.cost):
        said.append('No path leads from one label to another, so no confidence is known.')
    if unreached:
        said.append(f'{unreached:,} points are on pieces without a label, which no path reaches.')
    return tuple(said)


def weighted_by_prior(probabilities: np.ndarray, prior: PropagatedLabels, exponent: float = 0.5) -> np.ndarray:
    """A network's probabilities times the prior of propagated labels to a power, summing to 1 again.

    The prior of a point's label is its confidence, and the other classes share the rest. It is flat where there is no
    label, and where the confidence is below that of a guess.

    Args:
        probabilities: ``[N, K]`` float32.
        prior: of the same points.
        exponent: how much it counts; 0 is not at all.
    """
    count, classes = probabilities.shape
    confidence = np.where(prior.label >= 0, np.maximum(prior.confidence, 1 / classes), 1 / classes)
    rest = (1 - confidence) / max(classes - 1, 1)
    weights = np.repeat(rest[:, None], classes, axis=1)
    weights[np.arange(count), np.maximum(prior.label, 0)] = confidence
    # Not zero, because a click may be of a class that the network thinks impossible.
    product = np.maximum(probabilities, np.finfo(np.float32).tiny) * weights ** exponent
    return (product / product.sum(axis=1, keepdims=True)).astype(np.float32)
