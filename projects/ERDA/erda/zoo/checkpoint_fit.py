"""Whether a checkpoint is one of this network, found out before a run begins: mmengine's Runner warns and goes on."""
import copy
import os.path as osp
import re
from typing import List, NamedTuple, Optional

from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import find_latest_checkpoint
from torch import nn

from ..schedule import training_length
from .checkpoint_file import read_checkpoint
from .errors import CheckpointError

# State that stock heads do not have and prediction does not need.
TRAINING_STATE = 'decode_head.pseudo_labeler.'
HEAD = 'decode_head.'


class Fit(NamedTuple):
    """What became of a checkpoint in a network.

    Attributes:
        loaded: weights that were loaded.
        wrong: what is missing, unknown or of another size, in words.
    """
    loaded: List[str]
    wrong: List[str]


def load_what_fits(model: nn.Module, checkpoint: dict) -> Fit:
    """Load weights as mmengine's Runner does."""
    state = checkpoint['state_dict'].copy()
    versions = getattr(checkpoint['state_dict'], '_metadata', None)
    for key in [key for key in state if key.startswith('module.')]:
        state[key[len('module.'):]] = state.pop(key)
    if versions is not None:
        state._metadata = versions
    own = model.state_dict().keys()
    wrong = [f'{key} is missing' for key in own if key not in state and not key.endswith('num_batches_tracked')]
    wrong += [f'{key} is unknown here' for key in state if key not in own]
    try:
        model.load_state_dict(state, strict=False)
        misshapen = []
    except RuntimeError as error:  # names each weight of another size; the others are loaded
        misshapen = re.findall(r'(?:size mismatch for|parameter named) "?([\w.]+)', str(error))
        wrong += [f'{key} has another size' for key in misshapen] or [' '.join(str(error).split())[:200]]
    return Fit([key for key in own if key in state and key not in misshapen], wrong)


def load_weights(model: nn.Module, source: str) -> dict:
    """Load all weights, except for training state that one of the two lacks.

    Args:
        model: a network.
        source: see :func:`read_checkpoint`.

    Returns: what the checkpoint says of its training; empty if nothing.

    Raises:
        CheckpointError: if it cannot be read or is not one of this network.
    """
    checkpoint = read_checkpoint(source)
    wrong = [reason for reason in load_what_fits(model, checkpoint).wrong
             if not reason.startswith(TRAINING_STATE)]
    if wrong:
        raise CheckpointError(f'{source} is not a checkpoint of this network: {len(wrong)} weights do not fit, such as '
                              f'{wrong[0]}.')
    meta = checkpoint.get('meta')
    return meta if isinstance(meta, dict) else {}


def check_weights(cfg: Config, source: str) -> dict:
    """Raise a CheckpointError unless :func:`load_weights` into the network of this config succeeds; what it returns."""
    return load_weights(_network(cfg), source)


def check_training_start(cfg: Config) -> Optional[str]:
    """Look at the checkpoint that a training run with this config goes on from or starts from, if any.

    Returns:
        A warning, if only a part of it fits: training then starts with random values in the rest, as for a network of
        other classes.

    Raises:
        CheckpointError: if it cannot be read, if nothing fits outside the head, or if training cannot go on from it.
    """
    source = cfg.get('load_from')
    if cfg.get('resume') and source is None and osp.isfile(osp.join(cfg.work_dir, 'last_checkpoint')):
        source = find_latest_checkpoint(cfg.work_dir)
    if source is None:
        return None
    checkpoint = read_checkpoint(source)
    if cfg.get('resume') and not {'meta', 'message_hub', 'optimizer'} <= checkpoint.keys():
        raise CheckpointError(f'{source} holds weights alone, no state of a training run to go on with. To start from '
                              f'them: --cfg-options load_from={source}')
    if cfg.get('resume'):
        _check_schedules(checkpoint, source, cfg)
    fit = load_what_fits(_network(cfg), checkpoint)
    if not fit.wrong:
        return None
    if cfg.get('resume'):
        raise CheckpointError(f'Training cannot go on from {source}: it is of another network. {len(fit.wrong)} '
                              f'weights do not fit, such as {fit.wrong[0]}.')
    if all(key.startswith(HEAD) for key in fit.loaded):
        raise CheckpointError(f'{source} is of another network: nothing outside the head fits. For example, '
                              f'{fit.wrong[0]}.')
    wrong = [reason for reason in fit.wrong if not reason.startswith(TRAINING_STATE)]
    if not wrong:
        return None
    return (f'{source} fits this network in {len(fit.loaded)} weights; {len(wrong)} do not fit and start with random '
            f'values or are left out, such as {wrong[0]}.')


def _check_schedules(checkpoint: dict, source: str, cfg: Config) -> None:
    """A training that goes on has the schedules of its checkpoint, whatever the config says."""
    unit, _, length = training_length(cfg)
    for state in checkpoint.get('param_schedulers') or []:
        if state.get('by_epoch') == (unit == 'epochs') and state.get('total_steps', length) < length:
            raise CheckpointError(f'Training cannot go on from {source} to {length} {unit}: the schedule of its '
                                  f'learning rate ends after {state["total_steps"]}. To start from its weights with '
                                  f'a new schedule: --cfg-options load_from={source}')


def _network(cfg: Config) -> nn.Module:
    init_default_scope(cfg.get('default_scope', 'mmdet3d'))
    return MODELS.build(copy.deepcopy(cfg.model))
