"""What the text of a training config says, without running it."""
import ast
import json
from pathlib import Path
from typing import Any, Iterator, Optional

from ..files.digest import sha256
from ..own_configs import ROOT
from ..weak_labels import StoredMasks
from ..weak_labels.stored_masks import MANIFEST
from .errors import CheckpointError

# Where and how a run was started: not what was trained.
RUN_SETTINGS = {'launcher', 'resume', 'work_dir'}


def without_run_settings(text: str) -> str:
    """The text of a config as mmengine stores it, without the folders of the machine: those of the run are left out.

    Paths below the root of this repository become relative to it.
    """
    lines = text.splitlines(keepends=True)
    for node in reversed(_assignments(text)):
        if node.targets[0].id in RUN_SETTINGS:
            del lines[node.lineno - 1:node.end_lineno]
    return ''.join(lines).replace(f"'{ROOT.as_posix()}/", "'")


def label_record(text: str) -> Optional[dict]:
    """Which labels training saw, from the text of its config.

    Returns:
        ``budget`` (config), ``seed`` and, with stored masks, ``manifest_sha256``; ``None`` without a
        ``WeakLabelDataset``, where training saw all labels.

    Raises:
        CheckpointError: if the text is not that of a config, or its stored masks are not there.
    """
    for node in _assignments(text):
        if node.targets[0].id == 'train_dataloader':
            for value in _dicts(_plain(node.value)):
                if str(value.get('type')).rpartition('.')[2] == 'WeakLabelDataset':
                    return _record(value)
    return None


def _record(dataset: dict) -> dict:
    record = dict(budget=dataset.get('budget'), seed=dataset.get('seed', 0))
    if dataset.get('masks'):
        folder = Path(dataset['masks'])
        try:
            record['budget'] = StoredMasks(folder).manifest['budget']
        except (ValueError, OSError) as error:
            raise CheckpointError(f'The masks that training read are needed for their checksum: {error}') from error
        record['manifest_sha256'] = sha256(folder / MANIFEST)
    return json.loads(json.dumps(record))


def _assignments(text: str) -> list:
    try:
        return [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    except SyntaxError as error:
        raise CheckpointError(f'The training config in the checkpoint is not the text of a config: {error}.') from error


def _plain(node: ast.expr) -> Any:
    """The value of an expression as mmengine writes configs: literals and ``dict(...)``; ``None`` for all others."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        value = _plain(node.args[0]) if node.args else {}
        return {**(value or {}), **{keyword.arg: _plain(keyword.value) for keyword in node.keywords}}
    if isinstance(node, ast.Dict):
        return {_plain(key): _plain(value) for key, value in zip(node.keys, node.values) if key is not None}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_plain(element) for element in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _dicts(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dicts(inner)
