"""Where the values of a feature lie, and whether those of a file are far from those of a training."""
from typing import Dict, Iterable, List, Mapping, NamedTuple

import numpy as np
from mmdet3d.structures.points import BasePoints

META_KEY = 'feature_ranges'  # in the meta of a checkpoint
SAMPLED_POINTS = 20_000  # of a scan or a part of a file
NARROW = 50  # times narrower than in the training is another unit, such as 8 bits for 16 (257) or 0 to 1 for percent


class FeatureRange(NamedTuple):
    """Values of a feature.

    Attributes:
        minimum: smallest.
        low: 1st percentile.
        median: 50th.
        high: 99th.
        maximum: largest.
    """
    minimum: float
    low: float
    median: float
    high: float
    maximum: float


def feature_range(values: np.ndarray) -> FeatureRange:
    """The range of finite values, at least one.

    Examples:
        >>> feature_range(np.arange(101)).high
        99.0
    """
    return FeatureRange(*np.percentile(values, [0, 1, 50, 99, 100]).tolist())


def is_far(found: FeatureRange, trained: FeatureRange) -> bool:
    """Whether a network that was trained on the one range hardly knows the other.

    It does not if most values lie outside of what 98% of the training's do, if the outermost hundredth lies farther
    beyond the training's extremes than its range is wide, or if the whole range is very narrow beside the training's.

    Examples:
        >>> unit = FeatureRange(0, 0.01, 0.5, 0.99, 1)
        >>> is_far(FeatureRange(0, 2.6, 127, 252, 255), unit), is_far(FeatureRange(0, 0.05, 0.3, 0.7, 0.9), unit)
        (True, False)
    """
    width = trained.high - trained.low
    return (not trained.low <= found.median <= trained.high
            or found.high > trained.maximum + width or found.low < trained.minimum - width
            or found.high - found.low < width / NARROW)


def far_features(found: Mapping[str, FeatureRange], trained: Mapping[str, FeatureRange]) -> List[str]:
    """A sentence on each feature that :func:`is_far`, without the name of the file and the full stop."""
    return [f'{name} is {values.low:.3g} to {values.high:.3g}, far from the {trained[name].low:.3g} to '
            f'{trained[name].high:.3g} of the training, so expect wrong labels: bring it to the same unit first'
            for name, values in found.items() if name in trained and is_far(values, trained[name])]


def loaded_features(points: BasePoints) -> Dict[str, np.ndarray]:
    """Values ``[n]`` or ``[n * channels]`` of each feature of a sample of evenly spaced points, coordinates excepted.

    Names are those that mmdet3d's loading gives: 'color' for red, green and blue together. What it leaves without a
    name is the 'intensity' of a LiDAR scan.
    """
    rows = points.tensor[::max(len(points) // SAMPLED_POINTS, 1)].numpy()
    named = points.attribute_dims or ({'intensity': 3} if rows.shape[1] > 3 else {})
    return {name: rows[:, dims].reshape(-1) for name, dims in named.items()}


def ranges_of(samples: Iterable[Mapping[str, np.ndarray]]) -> Dict[str, FeatureRange]:
    """The range of each feature over samples of :func:`loaded_features`; values that are not finite are left out."""
    values: Dict[str, List[np.ndarray]] = {}
    for sample in samples:
        for name, part in sample.items():
            values.setdefault(name, []).append(part[np.isfinite(part)])
    joined = {name: np.concatenate(parts) for name, parts in values.items()}
    return {name: feature_range(part) for name, part in joined.items() if len(part)}


def as_plain(ranges: Mapping[str, FeatureRange]) -> Dict[str, Dict[str, float]]:
    """For a checkpoint, which holds plain values alone."""
    return {name: values._asdict() for name, values in ranges.items()}


def from_plain(stored: object) -> Dict[str, FeatureRange]:
    """What :func:`as_plain` has made; nothing of anything else."""
    if not isinstance(stored, dict):
        return {}
    return {str(name): FeatureRange(**values) for name, values in stored.items()
            if isinstance(values, dict) and values.keys() == set(FeatureRange._fields)}
