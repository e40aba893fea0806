"""Which labels of a scan are seen: each budget turns a scan's labels and its random numbers into weak labels."""
import os
import os.path as osp
from abc import ABCMeta, abstractmethod
from hashlib import blake2b
from typing import Callable, Iterable, NamedTuple, Optional

import numpy as np
from mmengine.registry import Registry

from ..config import ConfigError
from ..files.data_error import DataError
from .grid_subsampling import grid_subsample

# The value of an unlabelled point in a label array: void is the dataset's ignore index, a label is 0 to K-1.
UNLABELED = -1

BUDGETS = Registry('weak-label budget', scope='mmdet3d')


def is_labelled(labels, ignore_index: Optional[int]):
    """Where a class is seen: neither unlabelled nor void.

    Args:
        labels: integers of any shape, an array or a tensor.
        ignore_index: the label of void; ``None`` if there is none.

    Returns: bools of the same shape and kind.

    Examples:
        >>> is_labelled(np.array([0, UNLABELED, 2, 3]), ignore_index=3).tolist()
        [True, False, True, False]
    """
    return (labels >= 0) & (labels != ignore_index)


def is_class(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Where a label is one of the K classes, as bools of the same shape: neither unlabelled nor void.

    Examples:
        >>> is_class(np.array([0, UNLABELED, 2, 3]), num_classes=3).tolist()
        [True, False, True, False]
    """
    return (labels >= 0) & (labels < num_classes)


def count_per_class(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """``[K]`` int64, how often each class is among labels ``[N]``; void and unlabelled points do not count.

    Examples:
        >>> count_per_class(np.array([0, 2, 2, UNLABELED, 3]), num_classes=3).tolist()
        [1, 0, 2]
    """
    return np.bincount(labels[is_class(labels, num_classes)], minlength=num_classes)


def scan_name(path: str, data_root: str) -> str:
    """A scan's path relative to its data root, with forward slashes: the same wherever the data is.

    Raises:
        ValueError: if the scan is not below ``data_root``.

    Examples:
        >>> scan_name('data/semantickitti/sequences/00/velodyne/000000.bin', 'data/semantickitti')
        'sequences/00/velodyne/000000.bin'
    """
    name = osp.relpath(path, data_root).replace(os.sep, '/')
    if name.startswith('../'):
        raise DataError(f'{path} is not under data_root={data_root!r}: weak labels are drawn from the path '
                        'below data_root, so that they do not depend on where the data is')
    return name


def scan_rng(scan: str, seed: int) -> np.random.Generator:
    """Random numbers that depend on the scan's relative path and the seed alone, on every machine.

    Args:
        scan: path of the scan relative to its data root, see :func:`scan_name`.
        seed: label seed.
    """
    digest = blake2b(f'{seed}\0{scan}'.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, 'little')))


class WholeFile(NamedTuple):
    """The file that a scan is a block of.

    Attributes:
        path: the file.
        index: ``[N]`` int64, number in the file of each point of the scan.
        chunks: gives coordinates ``[n, 3]`` of the next points of the file, metres, from the beginning at each call.
        rng: random numbers of the file, the same for all its blocks.
    """
    path: str
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    chunks: Callable[[], Iterable[np.ndarray]]
    rng: np.random.Generator = np.random.default_rng(0)


class Scan(NamedTuple):
    """What a budget may know of a scan beside its labels.

    Attributes:
        path: file of its points.
        rng: its own random numbers, see :func:`scan_rng`.
        label_mapping: class of each raw label id, as in the dataset's ``seg_label_mapping``.
        points: ``[N, 3]`` x, y, z in metres, in the order of the labels.
        name: its path relative to the data root, with forward slashes.
        file: what it is a block of; ``None`` if it is whole.
    """
    path: str
    rng: np.random.Generator
    label_mapping: Optional[np.ndarray] = None
    points: Optional[np.ndarray] = None
    name: str = ''
    file: Optional[WholeFile] = None


class Budget(metaclass=ABCMeta):
    """Which labels of a scan training may see. Subclasses are plain functions of their arguments, without state.

    ``str(budget)`` names it in tables.

    Attributes:
        voxel_size: edge in metres of the voxels that labels are counted on; ``None`` for raw points.
        storable: whether its masks can be stored; not if a file of the user's holds its labels already.
    """
    voxel_size: Optional[float] = None
    storable = True

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
    """A budget that grants some points of a scan their label.

    Args:
        base: ``None`` to draw from the raw points, ``dict(voxel_size=0.04)`` to draw from the first points of the
            occupied voxels of that edge in metres, a subsampled cloud as in papers on indoor data.

    Raises:
        ValueError: if ``base`` is something else.
    """

    def __init__(self, base: Optional[dict] = None) -> None:
        if base is not None:
            if set(base) != {'voxel_size'} or not base['voxel_size'] > 0:
                raise ConfigError(f'{type(self).__name__}: base={dict(base)} must be dict(voxel_size=METRES)')
            self.voxel_size = base['voxel_size']

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        if self.voxel_size is None:
            seen = self.labelled(labels, num_classes, scan.rng)
        else:
            if scan.points is None:
                raise ConfigError(f'{type(self).__name__} with base=dict(voxel_size={self.voxel_size}) needs the '
                                  f'points of {scan.path}: load them before the labels')
            subsampled = grid_subsample(scan.points, self.voxel_size)
            seen = np.zeros(len(labels), dtype=bool)
            seen[subsampled[self.labelled(labels[subsampled], num_classes, scan.rng)]] = True
        return np.where(seen | ~is_class(labels, num_classes), labels, UNLABELED)

    @abstractmethod
    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        """The points whose label training may see.

        Args:
            labels: ``[N]`` integers, a class in 0 to ``num_classes`` - 1 or void; those of the base.
            num_classes: K.
            rng: the scan's own random numbers.

        Returns: ``[N]`` bool, never true for void.
        """

    def _named(self, count: str) -> str:
        return count if self.voxel_size is None else f'{count} (of {100 * self.voxel_size:g} cm voxels)'


@BUDGETS.register_module()
class RatioBudget(PointBudget):
    """A share of each class's points in each scan, at least one of each class present.

    Every point draws one random number and a class's smallest ones are labelled, so with one seed the labels of a
    smaller ratio are among those of a larger one.

    Args:
        ratio: in (0, 1]; ``max(int(n * ratio), 1)`` of the n points of a class are labelled.
        base: what n is counted on, see :class:`PointBudget`; raw points by default.

    Raises:
        ValueError: if ``ratio`` is out of range.

    Source: the rule of ERDA's S3DIS masks, there with ``base=dict(voxel_size=0.04)``, https://arxiv.org/abs/2305.15832
    """

    def __init__(self, ratio: float, base: Optional[dict] = None) -> None:
        super().__init__(base)
        self.ratio = _in_unit_interval(type(self).__name__, ratio)

    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        return _pick_per_class(labels, num_classes, rng, lambda n: max(int(n * self.ratio), 1))

    def __str__(self) -> str:
        return self._named(f'{100 * self.ratio:g}%')


@BUDGETS.register_module()
class PerClassBudget(PointBudget):
    """A number of points of each class in each scan: with 1, the "one point per class and room" of S3DIS.

    Nested like :class:`RatioBudget`.

    Args:
        num_points: labels of each class present, fewer where it has fewer points.
        base: what is drawn from, see :class:`PointBudget`; raw points by default.

    Raises:
        ValueError: if ``num_points`` is less than 1.
    """

    def __init__(self, num_points: int = 1, base: Optional[dict] = None) -> None:
        super().__init__(base)
        self.num_points = _at_least_one(type(self).__name__, num_points)

    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        return _pick_per_class(labels, num_classes, rng, lambda n: self.num_points)

    def __str__(self) -> str:
        return self._named(f'{self.num_points} per class and scan')


@BUDGETS.register_module()
class PerScanBudget(PointBudget):
    """A number of points of each scan, drawn without regard to class, void left out.

    Nested like :class:`RatioBudget`.

    Args:
        num_points: labels of each scan, fewer where it has fewer points.
        base: what is drawn from, see :class:`PointBudget`; raw points by default.

    Raises:
        ValueError: if ``num_points`` is less than 1.
    """

    def __init__(self, num_points: int, base: Optional[dict] = None) -> None:
        super().__init__(base)
        self.num_points = _at_least_one(type(self).__name__, num_points)

    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        priority = rng.random(len(labels))
        mask = np.zeros(len(labels), dtype=bool)
        mask[_smallest(np.flatnonzero(is_class(labels, num_classes)), priority, self.num_points)] = True
        return mask

    def __str__(self) -> str:
        return self._named(f'{self.num_points} per scan')


@BUDGETS.register_module()
class FrameBudget(Budget):
    """Every label of a share of the scans and none of the others: the semi-supervised setting.

    Each scan decides by a random number of its own, so nothing depends on the list of scans, and with one seed the
    scans of a smaller ratio are among those of a larger one. The price: the number of labelled scans is binomial, with
    a standard deviation of ``sqrt(S * ratio * (1 - ratio))`` for S scans, and may be zero where they are few.

    Args:
        ratio: in (0, 1], the probability of a scan to be labelled.

    Raises:
        ValueError: if ``ratio`` is out of range.
    """

    def __init__(self, ratio: float) -> None:
        self.ratio = _in_unit_interval(type(self).__name__, ratio)

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        if scan.rng.random() < self.ratio:
            return labels
        return np.where(is_class(labels, num_classes), UNLABELED, labels)

    def __str__(self) -> str:
        return f'{100 * self.ratio:g}% of scans'


@BUDGETS.register_module()
class GivenLabels(Budget):
    """The labels of the dataset's own files as they are, for data that was labelled sparsely in the first place.

    Nothing is hidden and nothing is counted: ``UNLABELED`` stays unlabelled, void stays void.
    """
    storable = False

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        return labels

    def __str__(self) -> str:
        return 'as given'


def _in_unit_interval(budget: str, ratio: float) -> float:
    if not 0 < ratio <= 1:
        raise ConfigError(f'{budget}: ratio={ratio} must be in (0, 1]; 1% is 0.01')
    return ratio


def _at_least_one(budget: str, num_points: int) -> int:
    if num_points < 1:
        raise ConfigError(f'{budget}: num_points={num_points} must be at least 1')
    return num_points


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
    key = np.where(is_class(labels, num_classes), labels, num_classes).astype(np.uint16)
    order = np.argsort(key, kind='stable')
    ends = np.cumsum(np.bincount(key, minlength=num_classes + 1)[:num_classes])
    return [points for points in np.split(order, ends)[:-1] if len(points)]
