"""Ranges of the features of data sets, from a bounded number of scans."""
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import numpy as np
from mmdet3d.datasets import Seg3DDataset

from ..clouds.feature_ranges import FeatureRange, far_features, loaded_features, ranges_of
from ..files.unreadable_scan import READ_ERRORS, scan_files
from ..weak_labels import WeakLabelDataset

MAX_SCANS = 32


def dataset_ranges(dataset: Any) -> Dict[str, FeatureRange]:
    """Ranges of the features over evenly spaced scans of a data set, as they are loaded, before any augmentation.

    No random number is drawn. Scans that cannot be read are left out, and data sets of other kinds have no range.
    """
    return ranges_of(features for _, features in _samples(dataset))


def far_scans(dataset: Seg3DDataset, trained: Mapping[str, FeatureRange]) -> List[str]:
    """A sentence on each file and feature far from the training, of at most :data:`MAX_SCANS` evenly spaced scans."""
    of_file: Dict[str, List[Dict[str, np.ndarray]]] = {}
    for file, features in _samples(dataset):
        of_file.setdefault(file, []).append(features)
    return [f'{file}: {sentence}.' for file, samples in of_file.items()
            for sentence in far_features(ranges_of(samples), trained)]


def _samples(dataset: Any) -> Iterator[Tuple[str, Dict[str, np.ndarray]]]:
    if not isinstance(dataset, (WeakLabelDataset, Seg3DDataset)):
        return
    for idx in np.linspace(0, len(dataset) - 1, min(len(dataset), MAX_SCANS)).astype(int).tolist():
        record = dataset.get_data_info(idx)
        file = scan_files(record)[0]
        try:
            if isinstance(dataset, WeakLabelDataset):
                points = dataset.load_points(idx)
            else:
                points = dataset.pipeline.transforms[0](record)['points']
        except READ_ERRORS:  # the training or the test says so
            continue
        yield file, loaded_features(points)
