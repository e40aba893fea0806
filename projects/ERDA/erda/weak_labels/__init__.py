from .apply_weak_labels import ApplyWeakLabels
from .budgets import BUDGETS, UNLABELED, Budget, RatioBudget, is_labelled, scan_rng
from .weak_label_dataset import WeakLabelDataset, WeakScan

__all__ = [
    'BUDGETS', 'UNLABELED', 'ApplyWeakLabels', 'Budget', 'RatioBudget', 'WeakLabelDataset', 'WeakScan', 'is_labelled',
    'scan_rng'
]
