import random
from typing import Any, Optional

import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Makes a resumed run draw the random numbers that the interrupted one would have drawn.

    The states of Python's, NumPy's and torch's generators of the main process are stored with each checkpoint. An
    iteration-based loop replays its data when it resumes, which brings the data's generators to where they were, so
    only torch's is set again, just before the first step; an epoch-based loop gets all of them before its first epoch.
    With several ranks each goes on from rank 0's state.
    """

    priority = 'VERY_HIGH'  # before any hook that draws in before_train_iter

    def __init__(self) -> None:
        self._stored: Optional[dict] = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        state: Any = np.random.get_state()
        name, keys, position, has_gauss, gauss = state
        checkpoint['random_state'] = dict(
            python=random.getstate(),
            numpy=(name, keys.tolist(), position, has_gauss, gauss),
            torch=torch.get_rng_state(),
            cuda=torch.cuda.get_rng_state_all())

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._stored = checkpoint.get('random_state')

    def before_train(self, runner: Runner) -> None:
        if not runner._resume:  # a checkpoint to start from, not to go on with
            self._stored = None

    def before_train_epoch(self, runner: Runner) -> None:
        if self._stored is not None and not isinstance(runner.train_loop, IterBasedTrainLoop):
            random.setstate(self._stored['python'])
            np.random.set_state(self._stored['numpy'])
            self._set_torch_state(self._stored)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        if self._stored is not None:
            self._set_torch_state(self._stored)

    def _set_torch_state(self, stored: dict) -> None:
        torch.set_rng_state(stored['torch'].cpu())
        torch.cuda.set_rng_state_all([state.cpu() for state in stored['cuda']])
        self._stored = None
