import copy
import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures.points import BasePoints
from mmengine.dataset import BaseDataset, Compose

from ..config import ConfigError
from .apply_weak_labels import ApplyWeakLabels
from .budgets import BUDGETS, Budget, scan_name
from .mark_hidden_labels import MarkHiddenLabels
from .propagate_weak_labels import PropagateWeakLabels
from .read_scan import ON_UNREADABLE, ReadReport, ReadScan
from .stored_masks import StoredMasks


class WeakScan(NamedTuple):
    """A scan of N points.

    Attributes:
        points: ``[N, C]`` float32, x, y, z in metres first.
        labels: ``[N]`` int64, a class, :data:`erda.weak_labels.UNLABELED` or void.
    """
    points: np.ndarray
    labels: np.ndarray


@DATASETS.register_module()
class WeakLabelDataset:
    """An mmdet3d segmentation dataset of which only a few labels are seen.

    The wrapped dataset's pipeline gets :class:`ApplyWeakLabels` right behind the loading and mapping of the labels,
    there and inside every mix transform, because LaserMix and PolarMix fetch their second scan past any wrapper. An
    ``IndoorPatchPointSample`` becomes a :class:`WeakIndoorPatchPointSample`, and what reads is wrapped in a
    :class:`ReadScan`. An item's ``data_samples`` have the paths of all its scans as ``scans``, and path and reason of
    those that were replaced as ``unreadable_scans``.

    Args:
        dataset: config of the dataset, not in test mode.
        budget: config of a :class:`erda.weak_labels.Budget`, such as ``dict(type='RatioBudget', ratio=0.01)``.
        seed: label seed. With path, budget and seed given, a scan's labels are the same in every run.
        masks: folder that ``tools/make_weak_labels.py`` has written: its masks are read back instead of drawn. They
            must be of this seed, and of this budget if one is given.
        on_unreadable: what a scan that can no longer be read does to training: ``'stop'`` ends it, with ``'skip'``
            the next one that can be read takes its place and :class:`erda.hooks.UnreadableScanHook` counts it.
        propagation: arguments of :class:`PropagateWeakLabels` if labels are to be propagated along surfaces, such as
            ``dict(intensity_dim=3)``; the files are kept in ``DATA_ROOT/.erda_cache/propagated`` by default.

    Attributes:
        budget: what is hidden, or the stored masks.
        budget_config: the budget in plain values, as in a manifest.
        propagate: what propagates labels, ``None`` without it.

    Raises:
        ValueError: if the dataset is in test mode or its pipeline loads no semantic labels, if there is neither a
            budget nor a folder of masks, if the masks are damaged or are not for this dataset, or if ``on_unreadable``
            is neither of the two.
        DataError: for an item whose scan cannot be read, see :class:`ReadScan`.
    """

    def __init__(self,
                 dataset: dict,
                 budget: Optional[dict] = None,
                 seed: int = 0,
                 masks: Optional[str] = None,
                 on_unreadable: str = 'stop',
                 propagation: Optional[dict] = None) -> None:
        if dataset.get('test_mode', False):
            raise ConfigError('WeakLabelDataset hides labels from training; a dataset in test mode must keep them all')
        if budget is None and masks is None:
            raise ConfigError('WeakLabelDataset needs budget=dict(type=...), or masks=FOLDER that was written by '
                              'tools/make_weak_labels.py')
        if on_unreadable not in ON_UNREADABLE:
            raise ConfigError(f'WeakLabelDataset: on_unreadable={on_unreadable!r} must be one of '
                              f'{", ".join(ON_UNREADABLE)}')
        dataset = copy.deepcopy(dataset)
        pipeline = dataset.pop('pipeline', [])
        self.dataset: BaseDataset = DATASETS.build({**dataset, 'pipeline': []})
        self.seed = seed
        self.budget: Budget = BUDGETS.build(budget) if masks is None else StoredMasks(masks)
        self.budget_config = None if budget is None else json.loads(json.dumps(budget))
        if masks is not None:
            self.budget.check(self._points_by_size(pipeline), self.metainfo['classes'], seed, self.budget_config)

        hide = dict(
            type=ApplyWeakLabels.__name__,
            budget=self.budget,
            num_classes=len(self.metainfo['classes']),
            data_root=self._data_root,
            seed=seed)
        self._report = ReadReport([], [])
        read = dict(type=ReadScan.__name__, dataset=self.dataset, on_unreadable=on_unreadable, report=self._report)
        if not isinstance(propagation, (dict, type(None))):
            raise ConfigError(f'WeakLabelDataset: propagation={propagation!r} must be dict(...); on a command line '
                              'each entry is a setting of its own, such as ...dataset.propagation.intensity_dim=3')
        cache_dir = os.path.join(self._data_root, '.erda_cache', 'propagated')
        propagate = None if propagation is None else dict(
            type=PropagateWeakLabels.__name__, num_classes=len(self.metainfo['classes']),
            **{'cache_dir': cache_dir, **propagation})
        self.propagate = propagate and TRANSFORMS.build(propagate)
        behind = [propagate] if propagate else []
        weak = _read_weak_labels(pipeline, read, [hide, *behind])
        reading = next((transform for transform in weak if transform['type'] == ReadScan.__name__), None)
        if reading is None:
            raise ConfigError('WeakLabelDataset: the pipeline loads no semantic labels (no PointSegClassMapping and no '
                              'LoadAnnotations3D with with_seg_3d=True at its top level)')
        loading = reading['transforms'][:-1 - len(behind)]
        self._load = Compose([{**reading, 'on_unreadable': 'stop', 'transforms': loading}])
        self._hide = Compose([hide])
        self.dataset.pipeline = Compose(weak)
        self._marking_pipeline = _read_weak_labels(
            pipeline, read, [{**hide, 'type': MarkHiddenLabels.__name__}, *behind])

    @property
    def metainfo(self) -> dict:
        """Meta information of the wrapped dataset."""
        return self.dataset.metainfo

    def full_init(self) -> None:
        """Load the annotation file, if that was put off."""
        self.dataset.full_init()

    def get_data_info(self, idx: int) -> dict:
        """The wrapped dataset's own record of a scan."""
        return self.dataset.get_data_info(idx)

    def scans(self) -> Dict[str, int]:
        """Name and index of each scan, once: an index of rooms lists large ones several times."""
        self.full_init()
        scans: Dict[str, int] = {}
        for idx in range(len(self)):
            scans.setdefault(scan_name(self.get_data_info(idx)['lidar_path'], self._data_root), idx)
        return scans

    def _points_by_size(self, pipeline: List[dict]) -> Dict[str, Optional[int]]:
        """Number of points of each scan, from the size of its file; ``None`` where the format does not tell."""
        load = pipeline[0] if pipeline else {}
        row = 4 * load.get('load_dim', 6) if load.get('type') == 'LoadPointsFromFile' else None
        return {name: row and os.path.getsize(self.get_data_info(idx)['lidar_path']) // row
                for name, idx in self.scans().items()}

    def load_scan(self, idx: int) -> WeakScan:
        """What training sees of a scan, before any augmentation."""
        return self.load_scan_with_truth(idx)[0]

    def load_points(self, idx: int) -> BasePoints:
        """The points of a scan as they are loaded, before any augmentation."""
        return self._load(self.get_data_info(idx))['points']

    def load_scan_with_truth(self, idx: int) -> Tuple[WeakScan, np.ndarray]:
        """The same with the labels that are hidden from training, ``[N]`` int64: for reports alone."""
        results = self._load(self.get_data_info(idx))
        truth = results['pts_semantic_mask'].astype(np.int64)
        results = self._hide(results)
        return WeakScan(results['points'].tensor.numpy(), results['pts_semantic_mask']), truth

    def for_reports(self) -> 'WeakLabelDataset':
        """The same dataset with hidden labels marked, see :class:`MarkHiddenLabels`: not to train on."""
        twin = copy.copy(self)
        twin.dataset = copy.copy(self.dataset)
        twin.dataset.pipeline = Compose(self._marking_pipeline)
        return twin

    @property
    def _data_root(self) -> str:
        return self.dataset.data_root or ''

    def __getitem__(self, idx: int) -> Any:
        for entries in self._report:
            entries.clear()
        item = self.dataset[idx]
        if 'data_samples' in item:
            item['data_samples'].set_metainfo(dict(scans=[*self._report.scans],
                                                   unreadable_scans=[*self._report.unreadable]))
        return item

    def __len__(self) -> int:
        return len(self.dataset)


def _read_weak_labels(pipeline: List[dict], read: dict, hide: List[dict]) -> List[dict]:
    """A copy of the pipeline that hides labels as soon as they are read and keeps them in patches, however deep."""
    pipeline = [_inside(transform, read, hide) for transform in pipeline]
    for transform in pipeline:
        if transform['type'] == 'IndoorPatchPointSample':
            transform['type'] = 'WeakIndoorPatchPointSample'
    loads = [i for i, transform in enumerate(pipeline) if _loads_labels(transform)]
    if loads:
        behind = loads[-1] + 1
        pipeline = [{**read, 'transforms': [*pipeline[:behind], *hide]}, *pipeline[behind:]]
    return pipeline


def _inside(value: Any, read: dict, hide: List[dict]) -> Any:
    if isinstance(value, dict):
        return {key: _inside(inner, read, hide) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(inner, dict) and 'type' in inner for inner in value):
            return _read_weak_labels(list(value), read, hide)
        return type(value)(_inside(inner, read, hide) for inner in value)
    return value


def _loads_labels(transform: dict) -> bool:
    if transform['type'] == 'LoadAnnotations3D':
        return transform.get('with_seg_3d', False)
    return transform['type'] == 'PointSegClassMapping'
