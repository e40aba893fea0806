from typing import NamedTuple

import numpy as np
from mmdet3d.registry import TRANSFORMS
from torch import Tensor

from .apply_weak_labels import ApplyWeakLabels
from .unlabelled_codes import decoded, with_hidden


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
    """``ApplyWeakLabels`` for reports: a hidden label becomes a negative number from which it can still be read.

    To transforms these points are unlabelled like any negative label. :meth:`WeakLabelDataset.for_reports` inserts it;
    it has no place in a dataset to train on.
    """

    def transform(self, results: dict) -> dict:
        truth = results['pts_semantic_mask'].astype(np.int64)
        results = super().transform(results)
        results['pts_semantic_mask'] = with_hidden(results['pts_semantic_mask'], truth)
        return results


def hidden_labels(marked: Tensor) -> HiddenLabels:
    """What :class:`MarkHiddenLabels` has marked in labels ``[N]``."""
    told = decoded(marked)
    return HiddenLabels(told.hidden >= 0, told.hidden)
