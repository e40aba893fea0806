"""Reads a checkpoint without running anything that may be in it."""
import json
import os.path as osp
from collections import OrderedDict
from pathlib import Path
from pickle import UnpicklingError

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from safetensors import SafetensorError, safe_open

from .errors import CheckpointError
from .local_weights import SCHEME, fetch_named

SAFETENSORS = '.safetensors'
META = 'erda'  # key of what erda.zoo.publication writes into the header of a .safetensors file


def read_checkpoint(source: str) -> dict:
    """A checkpoint on the CPU, read with ``weights_only``.

    Args:
        source: path of a file of ``torch.save`` or of a ``.safetensors`` file, ``erda://NAME``, or an address that
            mmengine knows.

    Returns:
        What mmengine stores, or ``state_dict`` alone; the versions of its modules stay in ``state_dict._metadata``.

    Raises:
        CheckpointError: if there is no such file, or it holds no weights or more than weights and plain values.
    """
    if source.startswith(SCHEME):
        source = str(fetch_named(source))
    path = osp.expanduser(source)
    if '://' in source:
        checkpoint = _read_address(source)
    elif not osp.isfile(path):
        raise CheckpointError(f'The checkpoint {source} ' + ('is a folder.' if osp.isdir(path) else 'does not exist.'))
    elif path.endswith(SAFETENSORS):
        checkpoint = _read_safetensors(path)
    else:
        checkpoint = _read_pickle(path)
    if isinstance(checkpoint, dict) and 'model_state_dict' in checkpoint:  # as Open3D-ML names it
        checkpoint = dict(state_dict=checkpoint['model_state_dict'])
    state = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not any(torch.is_tensor(value) for value in state.values()):
        raise CheckpointError(f'{source} holds no weights: it is not the checkpoint of a network.')
    return checkpoint if 'state_dict' in checkpoint else dict(state_dict=state)


def register_checkpoint_loaders() -> None:
    """Lets mmengine load ``erda://NAME`` and ``.safetensors`` files wherever it takes a checkpoint."""

    def load_from_erda(filename: str, map_location: object = None) -> dict:
        return read_checkpoint(filename)

    def load_from_safetensors(filename: str, map_location: object = None) -> dict:
        return read_checkpoint(filename)

    CheckpointLoader.register_scheme(SCHEME, load_from_erda, force=True)
    CheckpointLoader.register_scheme(r'[^:]*\.safetensors$', load_from_safetensors, force=True)  # a regular expression


def _read_address(source: str) -> dict:
    try:
        return CheckpointLoader.load_checkpoint(source, map_location='cpu', logger='silent')
    except Exception as error:  # whatever the client of this kind of storage raises
        raise CheckpointError(f'{source} cannot be loaded: {_one_line(error)}') from error


def _read_safetensors(path: str) -> dict:
    try:
        with safe_open(path, framework='pt') as file:
            state = OrderedDict((key, file.get_tensor(key)) for key in file.keys())  # noqa: SIM118  not a dict
            meta = json.loads((file.metadata() or {}).get(META, '{}'))
        versions = meta.pop('versions', {}).items()
    except (SafetensorError, ValueError, AttributeError, TypeError, OSError) as error:
        raise CheckpointError(_what_is_wrong(path, error)) from error
    metadata = OrderedDict((prefix, dict(version=version)) for prefix, version in versions)
    state._metadata = metadata  # type: ignore[attr-defined]  # as Module.state_dict does
    return dict(meta=meta, state_dict=state)


def _read_pickle(path: str) -> dict:
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # whatever torch's reader meets in a file of another kind
        raise CheckpointError(_what_is_wrong(path, error)) from error


def _what_is_wrong(path: str, error: Exception) -> str:
    if isinstance(error, OSError):
        return f'{path} cannot be read: {error.strerror or error}.'
    with open(path, 'rb') as file:
        head = file.read(100)
    if not head:
        return f'{path} is empty. Copy or download it again.'
    if head.lstrip().startswith(b'<'):
        return f'{path} is a web page, not a checkpoint: the download gave a page in place of the file.'
    if path.endswith(SAFETENSORS) or head.startswith((b'PK', b'\x80')):  # zip or pickle
        if isinstance(error, UnpicklingError):
            reason = error.__context__ or error  # torch puts its advice around it
            advice = '' if torch.__version__ >= '2.6' else ' What mmengine stores without erda, torch 2.6 reads.'
            return (f'{path} is not loaded: it asks for more than weights and plain values, which could run any code '
                    f'({_one_line(reason)}).{advice}')
        return f'{path} is damaged or cut off ({Path(path).stat().st_size} bytes: {_one_line(error)}).'
    return f'{path} is not a checkpoint: torch.save did not write it, and its name does not end in {SAFETENSORS}.'


def _one_line(error: BaseException) -> str:
    return ' '.join(str(error).split('. ')[0].split())[:200].rstrip('.') or type(error).__name__
