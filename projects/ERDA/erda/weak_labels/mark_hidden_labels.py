from typing import NamedTuple

import numpy as np
from mmdet3d.registry import TRANSFORMS
from torch import Tensor

from .apply_weak_labels import ApplyWeakLabels
from .budgets import UNLABELED


class HiddenLabels(NamedTuple):
    """Labels that training does not see, of N points.

    Attributes:
        mask: ``[N]`` bool, where a label is hidden.
        classes: ``[N]`` int64, the class there, any number elsewhere.
    """
    mask: Tensor
    classes: Tensor


@TRANSFORMS.register_module()
class MarkHiddenLabels(ApplyWeakLabels):
    """``ApplyWeakLabels`` for reports: a hidden label of class c becomes ``-2 - c``, so that it can still be read.

    To transforms these points are unlabelled like any negative label. :meth:`WeakLabelDataset.for_reports` inserts it;
    it has no place in a dataset to train on.
    """

    def transform(self, results: dict) -> dict:
        truth = results['pts_semantic_mask'].astype(np.int64)
        results = super().transform(results)
        seen = results['pts_semantic_mask']
        results['pts_semantic_mask'] = np.where(seen == UNLABELED, -2 - truth, seen)
        return results


def hidden_labels(marked: Tensor) -> HiddenLabels:
    """What :class:`MarkHiddenLabels` has marked in labels ``[N]``."""
    return HiddenLabels(marked < UNLABELED, -2 - marked)
