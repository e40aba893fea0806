from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..config import ConfigError


@MODELS.register_module()
class PredictionPseudoLabeler(nn.Module):
    """The segmentor's own prediction as pseudo-label, or that of its averaged copy on a second view.

    With gradients into both sides the ERDA loss is then the entropy of the prediction; with a
    :class:`erda.hooks.SecondViewHook` and a gradient into the prediction alone it is a mean teacher.

    Args:
        in_channels: not needed; every head gives it.
        num_classes: K.
        temperature: pseudo-logits are the logits divided by it; below 1 they are sharper.

    Raises:
        ValueError: if the temperature is not positive.
    """

    source = 'seg_logits'

    def __init__(self, in_channels: int, num_classes: int, temperature: float = 1.0) -> None:
        super().__init__()
        if temperature <= 0:
            raise ConfigError(f'temperature={temperature} must be positive')
        self.num_classes = num_classes
        self.temperature = temperature

    def forward(self, seg_logits: Tensor, labels: Tensor) -> Tensor:
        """Pseudo-logits ``[N, K]``.

        Args:
            seg_logits: ``[N, K]``.
            labels: ``[N]``, not looked at.
        """
        return seg_logits / self.temperature
