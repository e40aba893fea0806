from typing import Callable, Dict, Iterable, Tuple

import numpy as np

from ..config import ConfigError
from .budgets import BUDGETS, UNLABELED, Budget, Scan, is_class
from .point_suggestion import Candidates, candidate_points, join, suggest_by_place


@BUDGETS.register_module()
class SpreadBudget(Budget):
    """Points of each scan far from each other, as a person clicks them who follows ``tools/suggest_points.py``.

    They are chosen by place alone, without a look at any label: where nobody knows the class there is none to see, so
    there may be fewer labels than points. A file that was cut into blocks has so many points as a whole. With one seed
    the points of a smaller number are among those of a larger one.

    Args:
        num_points: points of each scan or file.
        voxel_size: one point of each voxel can be chosen, metres.

    Raises:
        ValueError: if ``num_points`` is less than 1, or ``voxel_size`` not positive; for a scan whose points are not
            loaded before its labels.
    """

    def __init__(self, num_points: int, voxel_size: float = 0.2) -> None:
        if num_points < 1 or not voxel_size > 0:
            raise ConfigError(f'SpreadBudget: num_points={num_points} must be at least 1, voxel_size={voxel_size} '
                              'positive')
        self.num_points = num_points
        self.edge = voxel_size
        self._chosen: Dict[Tuple[str, int], np.ndarray] = {}  # a scan is read again and again

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        if scan.points is None:
            raise ConfigError(f'SpreadBudget needs the points of {scan.path}: load them before the labels')
        points, file = scan.points.astype(np.float64), scan.file
        if file is None:
            chosen = self._choose(scan.path, scan.rng, lambda: [points])
            seen = np.isin(np.arange(len(labels)), chosen)
        else:
            seen = np.isin(file.index, self._choose(file.path, file.rng, file.chunks))
        return np.where(seen | ~is_class(labels, num_classes), labels, UNLABELED)

    def _choose(self, path: str, rng: np.random.Generator, chunks: Callable[[], Iterable[np.ndarray]]) -> np.ndarray:
        seed = int(rng.integers(2**32))
        if (path, seed) not in self._chosen:
            self._chosen[path, seed] = spread_points(chunks, self.num_points, self.edge, seed)
        return self._chosen[path, seed]

    def __str__(self) -> str:
        return f'{self.num_points} spread over each scan'


def spread_points(chunks: Callable[[], Iterable[np.ndarray]], count: int, voxel_size: float, seed: int) -> np.ndarray:
    """Numbers ``[count]`` int64, or fewer, of points of a file far from each other, none of them isolated.

    Args:
        chunks: gives the coordinates ``[n, 3]`` float64 of the next points, metres, from the beginning at each call.
        count: how many.
        voxel_size: one point of each voxel can be chosen, metres.
        seed: decides the first point.

    Examples:
        >>> line = np.arange(101.0)[:, None] * [1, 0, 0]
        >>> rows = spread_points(lambda: [line], 8, voxel_size=0.5, seed=0)
        >>> int(rows.min()), int(rows.max())  # both ends of a line
        (0, 100)
    """
    xyz, index = candidate_points(chunks, voxel_size)
    candidates: Candidates = join([(xyz, index)])
    return index[suggest_by_place(candidates, join([]), count, seed)]
