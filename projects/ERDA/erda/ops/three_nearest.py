"""The three nearest points, compiled for a CPU: of few points by looking at all, of more by a grid of cells.

A k-d tree would have to look for a fourth point, so as to know whether its distance rounds to that of the third.
"""
from typing import Tuple

import numpy as np
from numba import njit

from .squared_distance import squared_distance

FEW = 128  # sources that are looked at faster than cells
FLATTEST = 1 / 64  # of an extent to the largest, so that cells of a plane are neither large nor many
MARGIN = 1e-6  # for rounding, a share of a cell and of a squared distance
Best = Tuple[float, int, float, int, float, int]  # squared distances and rows, nearest first


def three_nearest(target: np.ndarray, source: np.ndarray, squares: np.ndarray, idx: np.ndarray) -> None:
    """Of targets ``[N, 3]`` the nearest three sources ``[M, 3]``, of equally near ones the lowest rows.

    Args:
        squares: ``[N, 3]``, filled with squared distances, infinity where there are fewer sources.
        idx: ``[N, 3]``, filled with rows, 0 where there are fewer sources.
    """
    if len(source) <= FEW or not (np.isfinite(source).all() and np.isfinite(target).all()):
        _of_all(target, source, squares, idx)
        return
    lower = source.min(0).astype(np.float64)
    extent = source.max(0) - lower
    edge = float(np.cbrt((extent.clip(extent.max() * FLATTEST)).prod() / len(source))) or 1.0
    shape = (extent / edge).astype(np.int64) + 1
    cells = np.minimum(((source - lower) / edge).astype(np.int64), shape - 1)
    cell = np.ravel_multi_index(tuple(cells.T), shape)
    rows = cell.argsort(kind='stable')
    starts = np.concatenate([[0], np.bincount(cell, minlength=shape.prod()).cumsum()])
    _in_cells(target, source[rows], rows, starts, lower, edge, shape, squares, idx)


@njit
def _nearer(best: Best, square: float, row: int) -> Best:
    """The best three with one more point."""
    first, i, second, j, third, k = best
    if square > third or square == third and row >= k:
        return best
    if square > second or square == second and row >= j:
        return first, i, second, j, square, row
    if square > first or square == first and row >= i:
        return first, i, square, row, second, j
    return square, row, first, i, second, j


@njit
def _of_all(target: np.ndarray, source: np.ndarray, squares: np.ndarray, idx: np.ndarray) -> None:
    infinity = source.dtype.type(np.inf)
    for center in range(len(target)):
        x, y, z = target[center]
        best = infinity, 0, infinity, 0, infinity, 0
        for row in range(len(source)):
            square = squared_distance(x - source[row, 0], y - source[row, 1], z - source[row, 2])
            if square < best[4]:
                best = _nearer(best, square, row)
        squares[center] = best[0], best[2], best[4]
        idx[center] = best[1], best[3], best[5]


@njit
def _in_cells(target: np.ndarray, points: np.ndarray, rows: np.ndarray, starts: np.ndarray, lower: np.ndarray,
              edge: float, shape: np.ndarray, squares: np.ndarray, idx: np.ndarray) -> None:
    """Cells around that of the target, then the shell around these, until no point further out can be as near.

    Args:
        points: ``[M, 3]``, sorted by cell.
        rows: ``[M]``, of the points among the sources.
        starts: ``[cells + 1]``, first point of each cell; cells along z come one after the other.
    """
    infinity = points.dtype.type(np.inf)
    offset, place = np.empty(3), np.empty(3, np.int64)
    for center in range(len(target)):
        for axis in range(3):
            offset[axis] = target[center, axis] - lower[axis]
            place[axis] = int(min(max(offset[axis] / edge, 0), shape[axis] - 1))
        best = infinity, 0, infinity, 0, infinity, 0
        reach = 1
        while True:
            z = place[2]
            for x in range(max(place[0] - reach, 0), min(place[0] + reach, shape[0] - 1) + 1):
                for y in range(max(place[1] - reach, 0), min(place[1] + reach, shape[1] - 1) + 1):
                    column = (x * shape[1] + y) * shape[2]
                    low, high = max(z - reach, 0), min(z + reach, shape[2] - 1)
                    if reach == 1 or abs(x - place[0]) == reach or abs(y - place[1]) == reach:
                        best = _with_points(best, target[center], points, rows, starts[column + low],
                                            starts[column + high + 1])
                        continue
                    if low == z - reach:
                        best = _with_points(best, target[center], points, rows, starts[column + low],
                                            starts[column + low + 1])
                    if high == z + reach:
                        best = _with_points(best, target[center], points, rows, starts[column + high],
                                            starts[column + high + 1])
            further = np.inf  # the distance to the nearest cell that was not looked at
            for axis in range(3):
                if place[axis] - reach > 0:
                    further = min(further, offset[axis] - (place[axis] - reach) * edge)
                if place[axis] + reach < shape[axis] - 1:
                    further = min(further, (place[axis] + reach + 1) * edge - offset[axis])
            further = max(further - MARGIN * edge, 0)
            if further == np.inf or best[4] < further * further * (1 - MARGIN):
                break
            reach += 1
        squares[center] = best[0], best[2], best[4]
        idx[center] = best[1], best[3], best[5]


@njit
def _with_points(best: Best, target: np.ndarray, points: np.ndarray, rows: np.ndarray, start: int, end: int) -> Best:
    for place in range(start, end):
        square = squared_distance(target[0] - points[place, 0], target[1] - points[place, 1],
                                  target[2] - points[place, 2])
        if square <= best[4]:
            best = _nearer(best, square, rows[place])
    return best
