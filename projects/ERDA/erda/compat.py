"""What the stock stack needs to run with current versions of torch; each entry says until when."""
from pickle import UnpicklingError
from typing import Callable

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler, _ParamScheduler


def allow_mmengine_checkpoints() -> None:
    """Lets ``torch.load`` with ``weights_only`` read the training history and dataset meta in mmengine's checkpoints.

    Until mmengine allow-lists its own classes (0.10.7 does not). Only what mmengine writes is listed, one by one.
    """
    torch.serialization.add_safe_globals([
        ConfigDict,
        HistoryBuffer,
        (_history_statistic, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        np.empty(0).__reduce__()[0],  # rebuilds an array; its module has another name in numpy 2
        np.float64(0).__reduce__()[0],  # rebuilds a scalar
        *(type(np.dtype(name)) for name in ('float32', 'float64', 'int64')),
    ])


def _history_statistic(owner: type, name: str) -> Callable:
    """What stands in for ``getattr`` in a checkpoint: it finds the four statistics of a HistoryBuffer, nothing else."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise UnpicklingError(f'this checkpoint asks for {owner!r}.{name}, which mmengine does not store')
    return getattr(owner, name)


def store_one_cycle_without_method() -> None:
    """Keeps the bound method ``anneal_func`` out of the stored state of OneCycle schedules, where it needs ``getattr``.

    Until mmengine stores plain values only (0.10.7 does not); the method is set again at construction.
    """

    def state_dict(self) -> dict:
        state = _ParamScheduler.state_dict(self)
        state.pop('anneal_func', None)
        return state

    OneCycleParamScheduler.state_dict = state_dict


def format_config_once() -> None:
    """Formats the text of a config once, not at every start-up step and every checkpoint, which takes seconds each.

    Until mmengine does so itself (0.10.7 calls yapf five times before training and once a checkpoint).
    """
    pretty_text = Config.pretty_text.fget
    last = {}

    def cached(self: Config) -> str:
        content = repr(self._cfg_dict)
        if content not in last:
            last.clear()
            last[content] = pretty_text(self)
        return last[content]

    Config.pretty_text = property(cached)
