from typing import Optional, Tuple

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..config import ConfigError


@HOOKS.register_module()
class LossRampHook(Hook):
    """Warm-up of a loss: no weight at first, then a linear ramp up to the weight of the config, and perhaps down again.

    Args:
        begin: share of the training without the loss, in [0, 1].
        end: share of the training after which the loss has its full weight, ``begin`` to 1.
        loss: the head's attribute with a ``loss_weight``.
        fall: shares of the training between which the weight falls in a line to 0 and stays there; ``None`` to keep it.

    Raises:
        ValueError: if the shares are out of range; before training, if the head has no such loss.
    """

    def __init__(self, begin: float = 0.1, end: float = 0.3, loss: str = 'loss_erda',
                 fall: Optional[Tuple[float, float]] = None) -> None:
        if not 0 <= begin <= end <= 1:
            raise ConfigError(f'LossRampHook: begin={begin} and end={end} must be shares of the training in this order')
        if fall is not None and not end <= fall[0] < fall[1] <= 1:
            raise ConfigError(f'LossRampHook: fall={fall} must be shares of the training in this order, from end={end}')
        self.begin = begin
        self.end = end
        self.loss = loss
        self.fall = fall

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        loss = getattr(model.decode_head, self.loss, None)
        if loss is None or not hasattr(loss, 'loss_weight'):
            raise ConfigError(f'LossRampHook: the head has no {self.loss} with a loss_weight')
        self._loss, self._full_weight = loss, loss.loss_weight

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        self._loss.loss_weight = self._full_weight * self.factor(runner.iter / runner.max_iters)

    def factor(self, share: float) -> float:
        """Share of the full weight after this share of the training."""
        if self.fall is not None and share > self.fall[0]:
            return max((self.fall[1] - share) / (self.fall[1] - self.fall[0]), 0.0)
        if share >= self.end:
            return 1.0
        return max(share - self.begin, 0.0) / (self.end - self.begin) if share > self.begin else 0.0
