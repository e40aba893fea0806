"""Which labels a checkpoint was trained with, and how many that is."""
import copy
from typing import Any, NamedTuple, Optional

import numpy as np
from mmengine.config import Config

from ..datasets.availability import missing_data
from ..files.progress import track
from ..weak_labels import BUDGETS, is_class
from ..zoo.errors import CheckpointError
from ..zoo.training_config import label_record
from .training_set import build_training_set

MAX_SCANS = 100  # that are counted


class CountedLabels(NamedTuple):
    """Labels that training sees.

    Attributes:
        per_scan: mean number in the scans that were counted.
        counted: how many scans those are.
        scans: how many there are.
    """
    per_scan: float
    counted: int
    scans: int


class TrainedLabels(NamedTuple):
    """The labels of a training.

    Attributes:
        source: where that is known from, in words.
        name: of the budget, for tables.
        budget: its config; ``None`` if all labels were seen, or it is not known.
        seed: label seed; ``None`` without a budget.
        count: ``None`` if nothing could be counted.
    """
    source: str
    name: str
    budget: Optional[dict] = None
    seed: Optional[int] = None
    count: Optional[CountedLabels] = None  # type: ignore[assignment]  # hides tuple.count


def trained_labels(meta: dict, cfg: Config) -> TrainedLabels:
    """The labels of a checkpoint, without a count. Nothing that the checkpoint says is run.

    Args:
        meta: of the checkpoint. What it has of the training config counts, and else ``cfg``.
        cfg: config that the checkpoint is tested with.
    """
    source = 'the training config in the checkpoint'
    try:
        if 'labels' in meta:  # of a published checkpoint
            record = meta['labels']
        elif 'cfg' in meta:
            record = label_record(meta['cfg'])
        else:
            source = 'the config of the test, for the checkpoint holds none'
            record = label_record(cfg.pretty_text)
    except CheckpointError as error:
        return TrainedLabels(source, f'unknown ({str(error).rstrip(".")})')
    if record is None:
        return TrainedLabels(source, 'all')
    if not isinstance(record, dict) or not isinstance(record.get('budget'), dict):
        return TrainedLabels(source, 'unknown')
    return TrainedLabels(source, _name(record['budget']), record['budget'], record.get('seed'))


def training_set_config(labels: TrainedLabels, cfg: Config) -> Optional[dict]:
    """Config of the training set of ``cfg`` with these labels; ``None`` if they are not known, or it hides none."""
    dataset = copy.deepcopy(cfg.get('train_dataloader', {}).get('dataset', {}))
    if not _is_known(labels.budget) or dataset.get('type') != 'WeakLabelDataset':
        return None
    dataset['budget'], dataset['seed'] = labels.budget, labels.seed  # update() would mix two budgets
    dataset.pop('masks', None)
    return dataset


def count_labels(labels: TrainedLabels, cfg: Config) -> TrainedLabels:
    """The same labels with a count on evenly spaced scans of the training set of ``cfg``, if that is here."""
    training = training_set_config(labels, cfg)
    if training is None or missing_data(cfg, 'train_dataloader'):
        return labels
    try:
        dataset = build_training_set(Config(dict(train_dataloader=dict(dataset=training))))
        scans = list(dataset.scans().values())
        chosen = [scans[i] for i in np.linspace(0, len(scans) - 1, min(len(scans), MAX_SCANS)).astype(int)]
        num_classes = len(dataset.metainfo['classes'])
        counts = [is_class(dataset.load_scan(idx).labels, num_classes).sum()
                  for idx in track(chosen, description='Counting labels')]
    except (ValueError, TypeError, OSError):
        return labels
    return labels._replace(count=CountedLabels(float(np.mean(counts)), len(chosen), len(scans)))


def _is_known(budget: Any) -> bool:
    """Whether it can be built without harm: a registry imports whatever another name says."""
    return budget is not None and budget.get('type') in BUDGETS.module_dict


def _name(budget: dict) -> str:
    if _is_known(budget):
        try:
            return str(BUDGETS.build(dict(budget)))
        except (ValueError, TypeError, OSError):  # such as files that are not here
            pass
    arguments = ', '.join(f'{key}={value}' for key, value in budget.items() if key != 'type')
    return f'{budget.get("type")}({arguments})'
