from typing import Optional

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..config import ConfigError


@HOOKS.register_module()
class PriorFadeHook(Hook):
    """Propagated labels count less and less in the pseudo-labels, because a teacher learns what they say.

    What the averaged model learns today it says tomorrow. Multiplied by the same prior at each step, it would end at
    the prior to a power without bound. So the head's ``prior_exponent`` falls in a line to 0, after which only the
    network speaks.

    Args:
        begin: share of the training until which the exponent is that of the config, in [0, 1].
        end: share of the training from which it is 0, ``begin`` to 1.

    Raises:
        ValueError: if the shares are out of range; before training, if the head has no ``prior_exponent``.
    """

    def __init__(self, begin: float = 0.1, end: float = 0.5) -> None:
        if not 0 <= begin <= end <= 1:
            raise ConfigError(f'PriorFadeHook: begin={begin} and end={end} must be shares of the training in this '
                              'order')
        self.begin = begin
        self.end = end

    def before_train(self, runner: Runner) -> None:
        self._head = (runner.model.module if is_model_wrapper(runner.model) else runner.model).decode_head
        self._exponent = getattr(self._head, 'prior_exponent', 0.0)
        if self._exponent <= 0:
            raise ConfigError('PriorFadeHook: the head has no prior_exponent above 0 that could fade')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        self._head.prior_exponent = self._exponent * self.factor(runner.iter / runner.max_iters)

    def factor(self, share: float) -> float:
        """Share of the exponent that is left after this share of the training.

        Examples:
            >>> [PriorFadeHook(begin=0.2, end=0.6).factor(share) for share in (0.1, 0.4, 0.6)]
            [1.0, 0.5, 0.0]
        """
        if share < self.begin:
            return 1.0
        return (self.end - share) / (self.end - self.begin) if share < self.end else 0.0
