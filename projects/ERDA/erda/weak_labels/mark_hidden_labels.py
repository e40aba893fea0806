import numpy as np
from mmdet3d.registry import TRANSFORMS

from .apply_weak_labels import ApplyWeakLabels
from .unlabelled_codes import with_hidden


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
