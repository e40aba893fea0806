"""Which labels may be seen, and how far they carry: budgets, clicks, masks, propagation, ``WeakLabelDataset``."""
from .apply_weak_labels import ApplyWeakLabels
from .budgets import (
    BUDGETS,
    UNLABELED,
    Budget,
    FrameBudget,
    GivenLabels,
    PerClassBudget,
    PerScanBudget,
    PointBudget,
    RatioBudget,
    Scan,
    WholeFile,
    count_per_class,
    is_class,
    is_labelled,
    scan_name,
    scan_rng,
)
from .grid_subsampling import grid_subsample, voxel_coors, voxel_keys
from .label_propagation import PropagatedLabels, propagate_labels
from .mark_hidden_labels import MarkHiddenLabels
from .mask_writer import verify_masks, write_masks
from .point_list_budget import PointListBudget
from .propagate_weak_labels import PropagateWeakLabels
from .read_scan import ReadReport, ReadScan, scans_of_batch
from .scribble_budget import ScribbleBudget
from .spread_budget import SpreadBudget
from .stored_masks import StoredMasks
from .weak_indoor_patch_point_sample import WeakIndoorPatchPointSample
from .weak_label_dataset import WeakLabelDataset, WeakScan

__all__ = [
    'BUDGETS', 'UNLABELED', 'ApplyWeakLabels', 'Budget', 'FrameBudget', 'GivenLabels', 'MarkHiddenLabels',
    'PerClassBudget', 'PerScanBudget', 'PointBudget', 'PointListBudget', 'PropagateWeakLabels', 'PropagatedLabels',
    'RatioBudget', 'ReadReport', 'ReadScan', 'Scan', 'ScribbleBudget', 'SpreadBudget', 'StoredMasks',
    'WeakIndoorPatchPointSample', 'WeakLabelDataset', 'WeakScan', 'WholeFile', 'count_per_class', 'grid_subsample',
    'is_class', 'is_labelled', 'propagate_labels', 'scan_name', 'scan_rng', 'scans_of_batch', 'verify_masks',
    'voxel_coors', 'voxel_keys', 'write_masks'
]
