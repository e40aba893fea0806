from typing import Any, List, Optional

import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from ..config import ConfigError
from ..weak_labels import scans_of_batch
from .training_error import TrainingError

ACTIONS = ('stop', 'skip')


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Keeps a NaN or infinite loss or gradient out of the weights, and says with which scans it came.

    Each step is looked at between the forward pass and the update, on all ranks together. A skipped step leaves
    weights, optimizer and buffers (BatchNorm's statistics and the prototypes among them) as they were; schedules and
    an averaged model go on by a step. With accumulated gradients, the update that a skipped step would have ended is
    dropped. In mixed precision infinite gradients are left to the loss scaler, which expects them.

    Args:
        action: ``'stop'`` ends the run; ``'skip'`` warns and goes on.
        max_skips: steps in a row that may be skipped before the run ends nevertheless.

    Raises:
        ValueError: if ``action`` is neither of them.
        TrainingError: in training, if it has to end.
    """

    priority = 'VERY_HIGH'  # before anything counts, averages or stores the step

    def __init__(self, action: str = 'stop', max_skips: int = 10) -> None:
        if action not in ACTIONS:
            raise ConfigError(f'NonFiniteLossHook: action={action!r} must be one of {", ".join(ACTIONS)}')
        self.action = action
        self.max_skips = max_skips
        self._buffers: List[tuple] = []
        self._not_finite: Optional[str] = None  # what it was in this step
        self._in_a_row = 0

    def before_train(self, runner: Runner) -> None:
        wrapper = runner.optim_wrapper
        update_params, step = wrapper.update_params, wrapper.step

        def guarded_update(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            if _finite_on_all_ranks(loss):
                return update_params(loss, *args, **kwargs)
            self._not_finite = 'loss'
            wrapper._inner_count += 1  # as its backward() does
            if wrapper.should_update():
                wrapper.zero_grad()

        def guarded_step(**kwargs: Any) -> None:
            # Gradients are those of all ranks already.
            if isinstance(wrapper, AmpOptimWrapper) or _gradients_finite(wrapper.optimizer):
                return step(**kwargs)
            self._not_finite = 'gradient'

        wrapper.update_params, wrapper.step = guarded_update, guarded_step

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        if self.action == 'skip':
            self._buffers = [(buffer, buffer.clone()) for buffer in runner.model.buffers()]

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: dict,
                         outputs: dict) -> None:
        what, self._not_finite = self._not_finite, None
        if what is None:
            self._in_a_row = 0
            return
        losses = {name: float(value) for name, value in outputs.items() if 'loss' in name}
        here = what == 'gradient' or not torch.tensor([*losses.values()]).isfinite().all()
        scans: List[str] = sum(all_gather_object(scans_of_batch(data_batch) if here else []), [])
        message = (f'Step {runner.iter + 1}: the {what} is not finite '
                   f'({", ".join(f"{name} {value:.4g}" for name, value in losses.items())}). The scans of this step: '
                   f'{", ".join(scans)}.')
        if self.action == 'stop':
            raise TrainingError(f"{message} To go on without such steps: dict(type='NonFiniteLossHook', action='skip') "
                                'in custom_hooks of the config.')
        self._in_a_row += 1
        if self._in_a_row > self.max_skips:
            raise TrainingError(f'{message} It is the last of {self._in_a_row} such steps in a row, more than '
                                f'max_skips={self.max_skips} of the NonFiniteLossHook.')
        with torch.no_grad():
            for buffer, before in self._buffers:
                buffer.copy_(before)
        skipped = runner.message_hub.runtime_info.get('skipped_steps', 0) + 1
        runner.message_hub.update_info('skipped_steps', skipped)
        runner.logger.warning(f'{message} Skipped; {skipped} so far.')

    def after_train(self, runner: Runner) -> None:
        skipped = runner.message_hub.runtime_info.get('skipped_steps', 0)
        if skipped:
            runner.logger.warning(f'{skipped} of {runner.max_iters} steps were skipped: loss or gradient not finite.')


def _finite_on_all_ranks(loss: Tensor) -> bool:
    finite = loss.detach().isfinite().all().to(torch.int32)
    all_reduce(finite, op='min')
    return bool(finite)


def _gradients_finite(optimizer: torch.optim.Optimizer) -> bool:
    gradients = [parameter.grad for group in optimizer.param_groups for parameter in group['params']
                 if parameter.grad is not None]
    return not gradients or bool(torch.stack([gradient.isfinite().all() for gradient in gradients]).all())
