"""Which labels of a scan are seen: each budget turns a scan's labels and its random numbers into weak labels."""
from abc import ABCMeta, abstractmethod
from hashlib import blake2b
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np
from mmengine.registry import Registry

# The value of an unlabelled point in a label array: void is the dataset's ignore index, a label is 0 to K-1.
UNLABELED = -1

BUDGETS = Registry('weak-label budget', scope='mmdet3d')


def is_labelled(labels, ignore_index: Optional[int]):
    """Where a class is seen: neither unlabelled nor void.

    Args:
        labels: integers of any shape, an array or a tensor.
        ignore_index: the label of void; ``None`` if there is none.

    Returns: bools of the same shape and kind.
    """
    return (labels != UNLABELED) & (labels != ignore_index)


def scan_rng(scan: str, seed: int) -> np.random.Generator:
    """Random numbers that depend on the scan's relative path and the seed alone, on every machine.

    Args:
        scan: path of the scan relative to its data root, with forward slashes.
        seed: label seed.
    """
    digest = blake2b(f'{seed}\0{scan}'.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, 'little')))


class Scan(NamedTuple):
    """What a budget may know of a scan beside its labels.

    Attributes:
        path: file of its points.
        rng: its own random numbers, see :func:`scan_rng`.
        label_mapping: class of each raw label id, as in the dataset's ``seg_label_mapping``.
    """
    path: str
    rng: np.random.Generator
    label_mapping: Optional[np.ndarray] = None


class Budget(metaclass=ABCMeta):
    """Which labels of a scan training may see. Subclasses are plain functions of their arguments, without state.

    ``str(budget)`` names it in tables.
    """

    @abstractmethod
    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        """The labels that training sees.

        Args:
            labels: ``[N]`` int64, a class in 0 to ``num_classes`` - 1 or void.
            num_classes: K.
            scan: the scan they belong to.

        Returns: ``[N]`` int64, with ``UNLABELED`` for a hidden label; void stays void.
        """


class PointBudget(Budget):
    """A budget that grants some points of a scan their label."""

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        seen = self.labelled(labels, num_classes, scan.rng) | ~_is_class(labels, num_classes)
        return np.where(seen, labels, UNLABELED)

    @abstractmethod
    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        """The points whose label training may see.

        Args:
            labels: ``[N]`` integers, a class in 0 to ``num_classes`` - 1 or void.
            num_classes: K.
            rng: the scan's own random numbers.

        Returns: ``[N]`` bool, never true for void.
        """


@BUDGETS.register_module()
class RatioBudget(PointBudget):
    """A share of each class's points in each scan, counted on raw points, at least one of each class present.

    Every point draws one random number and a class's smallest ones are labelled, so with one seed the labels of a
    smaller ratio are among those of a larger one.

    Args:
        ratio: in (0, 1]; ``max(int(n * ratio), 1)`` of the n points of a class are labelled.

    Raises:
        ValueError: if ``ratio`` is out of range.

    Source: the rule of ERDA's S3DIS masks, there counted after 4 cm subsampling, https://arxiv.org/abs/2305.15832
    """

    def __init__(self, ratio: float) -> None:
        if not 0 < ratio <= 1:
            raise ValueError(f'RatioBudget: ratio={ratio} must be in (0, 1]; 1% is 0.01')
        self.ratio = ratio

    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        return _pick_per_class(labels, num_classes, rng, lambda n: max(int(n * self.ratio), 1))

    def __str__(self) -> str:
        return f'{100 * self.ratio:g}%'


@BUDGETS.register_module()
class PerClassBudget(PointBudget):
    """A number of points of each class in each scan: with 1, the "one point per class and room" of S3DIS.

    Nested like :class:`RatioBudget`.

    Args:
        num_points: labels of each class present, fewer where it has fewer points.

    Raises:
        ValueError: if ``num_points`` is less than 1.
    """

    def __init__(self, num_points: int = 1) -> None:
        self.num_points = _at_least_one(type(self).__name__, num_points)

    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        return _pick_per_class(labels, num_classes, rng, lambda n: self.num_points)

    def __str__(self) -> str:
        return f'{self.num_points} per class and scan'


@BUDGETS.register_module()
class PerScanBudget(PointBudget):
    """A number of points of each scan, drawn without regard to class, void left out.

    Nested like :class:`RatioBudget`.

    Args:
        num_points: labels of each scan, fewer where it has fewer points.

    Raises:
        ValueError: if ``num_points`` is less than 1.
    """

    def __init__(self, num_points: int) -> None:
        self.num_points = _at_least_one(type(self).__name__, num_points)

    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        priority = rng.random(len(labels))
        mask = np.zeros(len(labels), dtype=bool)
        mask[_smallest(np.flatnonzero(_is_class(labels, num_classes)), priority, self.num_points)] = True
        return mask

    def __str__(self) -> str:
        return f'{self.num_points} per scan'


@BUDGETS.register_module()
class ScribbleBudget(Budget):
    """The labels of a scribble file beside each scan: ``sequences/00/scribbles/000000.label`` for ``velodyne``.

    A point's class is what the scribble says, which a person drew and which may differ from the full label.

    Args:
        folder: name of the folder that holds the scribbles, next to the folder of the points.

    Source: ScribbleKITTI's layout, uint32 raw ids of SemanticKITTI with 0 where nothing is drawn,
        https://arxiv.org/abs/2203.08537
    """

    def __init__(self, folder: str = 'scribbles') -> None:
        self.folder = folder

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        points = Path(scan.path)
        path = points.parents[1] / self.folder / f'{points.stem}.label'
        if not path.is_file():
            raise ValueError(f'{path} does not exist: ScribbleBudget needs a scribble file for every scan. Unpack the '
                             f'scribbles beside {points.parent}, or name their folder with budget=dict(folder=...).')
        raw_ids = np.fromfile(path, dtype=np.uint32) & 0xFFFF
        if len(raw_ids) != len(labels):
            raise ValueError(f'{path} has {len(raw_ids)} labels, but {points} has {len(labels)} points. They do not '
                             'belong together.')
        if len(raw_ids) and raw_ids.max() >= len(scan.label_mapping):
            raise ValueError(f'{path}: label id {raw_ids.max()} is not one of the dataset. Map it to its ids first.')
        hidden = np.where(_is_class(labels, num_classes), UNLABELED, labels)
        return np.where(raw_ids == 0, hidden, scan.label_mapping[raw_ids])

    def __str__(self) -> str:
        return self.folder


def _at_least_one(budget: str, num_points: int) -> int:
    if num_points < 1:
        raise ValueError(f'{budget}: num_points={num_points} must be at least 1')
    return num_points


def _is_class(labels: np.ndarray, num_classes: int) -> np.ndarray:
    return (labels >= 0) & (labels < num_classes)


def _pick_per_class(labels: np.ndarray, num_classes: int, rng: np.random.Generator,
                    count: Callable[[int], int]) -> np.ndarray:
    """``[N]`` bool, true for ``count(n)`` random points of each class that has n points."""
    priority = rng.random(len(labels))
    mask = np.zeros(len(labels), dtype=bool)
    for points in _points_per_class(labels, num_classes):
        mask[_smallest(points, priority, count(len(points)))] = True
    return mask


def _smallest(points: np.ndarray, priority: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` points of smallest priority, or all of them if there are fewer."""
    if len(points) <= count:
        return points
    return points[np.argpartition(priority[points], count - 1)[:count]]


def _points_per_class(labels: np.ndarray, num_classes: int) -> list:
    """Indices of the points of each class that is present, void left out."""
    # uint16 keys make the stable sort a radix sort; void goes behind the last class.
    key = np.where(_is_class(labels, num_classes), labels, num_classes).astype(np.uint16)
    order = np.argsort(key, kind='stable')
    ends = np.cumsum(np.bincount(key, minlength=num_classes + 1)[:num_classes])
    return [points for points in np.split(order, ends)[:-1] if len(points)]
