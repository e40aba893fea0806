"""Which points of a scan are labelled: each budget turns a scan's labels and its random numbers into a mask."""
from abc import ABCMeta, abstractmethod
from hashlib import blake2b

import numpy as np
from mmengine.registry import Registry

# The value of an unlabelled point in a label array: void is the dataset's ignore index, a label is 0 to K-1.
UNLABELED = -1

BUDGETS = Registry('weak-label budget', scope='mmdet3d')


def is_labelled(labels, ignore_index: int):
    """Where a class is seen: neither unlabelled nor void.

    Args:
        labels: integers of any shape, an array or a tensor.
        ignore_index: the label of void.

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


class Budget(metaclass=ABCMeta):
    """How many labels a scan gets. Subclasses are plain functions of their arguments, without state."""

    @abstractmethod
    def labelled(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
        """The points whose label training may see.

        Args:
            labels: ``[N]`` integers, a class in 0 to ``num_classes`` - 1 or void.
            num_classes: K.
            rng: the scan's own random numbers, see :func:`scan_rng`.

        Returns: ``[N]`` bool, never true for void.
        """


@BUDGETS.register_module()
class RatioBudget(Budget):
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
        priority = rng.random(len(labels))
        mask = np.zeros(len(labels), dtype=bool)
        for points in _points_per_class(labels, num_classes):
            count = max(int(len(points) * self.ratio), 1)
            if len(points) > count:
                points = points[np.argpartition(priority[points], count - 1)[:count]]
            mask[points] = True
        return mask


def _points_per_class(labels: np.ndarray, num_classes: int) -> list:
    """Indices of the points of each class that is present, void left out."""
    valid = (labels >= 0) & (labels < num_classes)
    # uint16 keys make the stable sort a radix sort; void goes behind the last class.
    key = np.where(valid, labels, num_classes).astype(np.uint16)
    order = np.argsort(key, kind='stable')
    ends = np.cumsum(np.bincount(key, minlength=num_classes + 1)[:num_classes])
    return [points for points in np.split(order, ends)[:-1] if len(points)]
