"""Weights to give away: no optimiser, no history, no pickled objects, and the same bytes each time."""
import hashlib
import io
import json
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import safetensors.torch
import torch

from ..clouds.feature_ranges import META_KEY
from ..files.metrics_file import read_metrics
from ..files.whole_file import write_whole
from .checkpoint_file import META, SAFETENSORS, read_checkpoint
from .errors import CheckpointError
from .metafile import ATTRIBUTION
from .training_config import label_record, without_run_settings

NAME = re.compile(r'[a-z0-9_]+([.-][a-z0-9_]+)*')  # mim finds nothing with capital letters
METRICS = {'miou': 'mIoU', 'acc': 'Accuracy', 'acc_cls': 'Mean accuracy'}


class Description(NamedTuple):
    """What the metafile says of a model besides its files.

    Attributes:
        name: as in ``erda://NAME``.
        config: path of its config, relative to the root of the repository.
        dataset: name of the data it was trained and tested on.
        collection: one of the metafile.
        attribution: whom the data must be credited to, and its licence.
        metrics: file that ``tools/test.py --out`` has written for this checkpoint, if there are results.
    """
    name: str
    config: str
    dataset: str
    collection: str = 'ERDA'
    attribution: str = ''
    metrics: Optional[Path] = None


class Publication(NamedTuple):
    """Files that were written, and the entry of the metafile for them."""
    files: List[Path]
    entry: dict


def publish(checkpoint: str, model: Description, folder: Path, address: str = '') -> Publication:
    """Write ``NAME-SHA8.pth`` and ``NAME-SHA8.safetensors``, with the first 8 digits of the sha256 of each file.

    Both hold the weights, the versions of the modules, the config of the training, the names of the classes, which
    labels were seen, and the ranges of the features, if they are known. An average of weights that mmengine kept is
    what is published: it is the checkpoint's ``state_dict``.

    Args:
        checkpoint: one that training has written.
        model: what is said of it.
        folder: where to write.
        address: what stands before the names of the files in the entry: the URL of a folder, or a path relative to
            the metafile.

    Raises:
        CheckpointError: if the checkpoint cannot be read or says nothing of its training, if the name does not do, or
            if the metrics are those of another checkpoint.
    """
    if not NAME.fullmatch(model.name) or model.name.endswith(('.pth', SAFETENSORS)):
        raise CheckpointError(f'{model.name} is no name for a model: small letters, digits and _, with single - or . '
                              'between them, without a suffix.')
    results = _results(model, checkpoint)
    content = read_checkpoint(checkpoint)
    state = OrderedDict((key, value.clone().contiguous()) for key, value in content['state_dict'].items())
    versions = {prefix: known['version']
                for prefix, known in getattr(content['state_dict'], '_metadata', {}).items() if 'version' in known}
    meta = _plain_meta(content.get('meta', {}), checkpoint)
    files, entry_files = [], {}
    header = {META: _json(dict(meta, versions=versions))}
    for suffix, data in (('.pth', _pickled(state, versions, meta)),
                         (SAFETENSORS, safetensors.torch.save(state, header))):
        digest = hashlib.sha256(data).hexdigest()
        path = folder / f'{model.name}-{digest[:8]}{suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
        files.append(path)
        entry_files[path.name] = dict(SHA256=digest, Size=len(data))
    entry = {
        'Name': model.name,
        'In Collection': model.collection,
        'Config': model.config,
        'Metadata': {
            'Training Data': model.dataset,
            **({ATTRIBUTION: model.attribution} if model.attribution else {}),
            **_labels(meta['labels']),
        },
        'Results': results,
        'Weights': [f'{address.rstrip("/")}/{path.name}' if address else path.name for path in files],
        'Files': entry_files,
    }
    return Publication(files, {key: value for key, value in entry.items() if value})


def _plain_meta(meta: dict, checkpoint: str) -> Dict[str, Any]:
    classes = meta.get('dataset_meta', {}).get('classes')
    if 'cfg' not in meta or not classes:
        raise CheckpointError(f'{checkpoint} does not say how it was trained: it has no config or no classes. Publish '
                              'the checkpoint that training has written.')
    plain = dict(
        cfg=without_run_settings(meta['cfg']),
        labels=label_record(meta['cfg']),
        dataset_meta=dict(classes=classes, palette=meta['dataset_meta'].get('palette')),
        epoch=meta.get('epoch'),
        iter=meta.get('iter'),
        seed=meta.get('seed'))
    if META_KEY in meta:
        plain[META_KEY] = meta[META_KEY]
    return json.loads(_json(plain))  # lists and strings alone, none of them shared: pickle would write that down too


def _pickled(state: Dict[str, torch.Tensor], versions: Dict[str, int], meta: dict) -> bytes:
    state = OrderedDict(state)
    metadata = OrderedDict((prefix, dict(version=version)) for prefix, version in versions.items())
    state._metadata = metadata  # type: ignore[attr-defined]  # as Module.state_dict does
    buffer = io.BytesIO()  # into a file torch.save would write the name of the file too
    torch.save(dict(meta=meta, state_dict=state), buffer)
    return buffer.getvalue()


def _results(model: Description, checkpoint: str) -> List[dict]:
    if model.metrics is None:
        return []
    try:
        tested = json.loads(model.metrics.read_text())['checkpoint']
        metrics = read_metrics(model.metrics)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f'{model.metrics} is not a file that tools/test.py --out has written: {error}') from error
    if Path(tested).resolve() != Path(checkpoint).resolve():
        raise CheckpointError(f'{model.metrics} has the results of {tested}, not of {checkpoint}.')
    found = {METRICS[key]: round(100 * value, 2) for key, value in metrics.items() if key in METRICS and value == value}
    return [{'Task': '3D Semantic Segmentation', 'Dataset': model.dataset, 'Metrics': found}]


def _labels(labels: Optional[dict]) -> dict:
    if labels is None:
        return {'Labels': 'all'}
    arguments = ', '.join(f'{key}={value}' for key, value in sorted(labels['budget'].items()) if key != 'type')
    return {'Labels': f'{labels["budget"]["type"]}({arguments})', 'Label Seed': labels['seed']}


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
