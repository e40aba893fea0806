from .apply_weak_labels import ApplyWeakLabels
from .budgets import (
    BUDGETS,
    UNLABELED,
    Budget,
    PerClassBudget,
    PerScanBudget,
    PointBudget,
    RatioBudget,
    Scan,
    ScribbleBudget,
    is_labelled,
    scan_rng,
)
from .weak_indoor_patch_point_sample import WeakIndoorPatchPointSample
from .weak_label_dataset import WeakLabelDataset, WeakScan

__all__ = [
    'BUDGETS', 'UNLABELED', 'ApplyWeakLabels', 'Budget', 'PerClassBudget', 'PerScanBudget', 'PointBudget',
    'RatioBudget', 'Scan', 'ScribbleBudget', 'WeakIndoorPatchPointSample', 'WeakLabelDataset', 'WeakScan',
    'is_labelled', 'scan_rng'
]
