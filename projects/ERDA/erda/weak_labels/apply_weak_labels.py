from typing import Union

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from .budgets import BUDGETS, Budget, Scan, scan_name, scan_rng


@TRANSFORMS.register_module()
class ApplyWeakLabels(BaseTransform):
    """Hides the labels that the budget does not grant; void stays void.

    :class:`WeakLabelDataset` inserts it right behind the loading and mapping of the labels.

    Required keys: ``lidar_path``, ``pts_semantic_mask``; ``points`` for a budget with a base, ``whole_file``, a
    :class:`erda.weak_labels.WholeFile`, for a block of a file. Modified key:
    ``pts_semantic_mask``, int64, with :data:`erda.weak_labels.UNLABELED` for a hidden label.

    Args:
        budget: a :class:`erda.weak_labels.Budget` or its config.
        num_classes: K; labels outside 0 to K-1 are void.
        data_root: the folder that scan paths are relative to.
        seed: label seed, apart from the training seed.
    """

    def __init__(self, budget: Union[dict, Budget], num_classes: int, data_root: str, seed: int = 0) -> None:
        self.budget = budget if isinstance(budget, Budget) else BUDGETS.build(budget)
        self.num_classes = num_classes
        self.data_root = data_root
        self.seed = seed

    def transform(self, results: dict) -> dict:
        path = results['lidar_path']
        name = scan_name(path, self.data_root)
        points = results['points'].coord.numpy() if 'points' in results else None
        file = results.get('whole_file')
        if file is not None:
            file = file._replace(rng=scan_rng(scan_name(file.path, self.data_root), self.seed))
        scan = Scan(path, scan_rng(name, self.seed), results.get('seg_label_mapping'), points, name, file)
        labels = results['pts_semantic_mask'].astype(np.int64)
        results['pts_semantic_mask'] = self.budget.weaken(labels, self.num_classes, scan)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(budget={self.budget}, num_classes={self.num_classes}, '
                f'data_root={self.data_root!r}, seed={self.seed})')
