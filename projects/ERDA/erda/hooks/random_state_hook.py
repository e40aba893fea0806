import random
from typing import Optional

import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Makes a resumed run draw the random numbers that the interrupted one would have drawn.

    The states of Python's, NumPy's and torch's generators of the main process are stored with each checkpoint and set
    again just before the first resumed iteration, after the loop has skipped the data that was already seen. With
    several ranks each goes on from rank 0's state.
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self._pending: Optional[dict] = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        name, keys, position, has_gauss, gauss = np.random.get_state()
        checkpoint['random_state'] = dict(
            python=random.getstate(),
            numpy=(name, keys.tolist(), position, has_gauss, gauss),
            torch=torch.get_rng_state(),
            cuda=torch.cuda.get_rng_state_all())

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._pending = checkpoint.get('random_state')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        if self._pending is not None and runner.iter > 0:
            random.setstate(self._pending['python'])
            np.random.set_state(self._pending['numpy'])
            torch.set_rng_state(self._pending['torch'].cpu())
            torch.cuda.set_rng_state_all([state.cpu() for state in self._pending['cuda']])
        self._pending = None
