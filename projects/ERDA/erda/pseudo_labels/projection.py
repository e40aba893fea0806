from torch import Tensor, nn

from ..config import ConfigError


class Projection(nn.Sequential):
    """Linear layers with BatchNorm and ReLU in between; one row alone is normalised as in evaluation.

    Args:
        in_channels: C.
        hidden_channels: width of the hidden layers.
        out_channels: D.
        num_layers: linear layers, at least 1.

    Raises:
        ValueError: if there is no layer.
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, num_layers: int) -> None:
        if num_layers < 1:
            raise ConfigError(f'num_layers={num_layers} must be at least 1')
        layers, channels = [], in_channels
        for _ in range(num_layers - 1):
            layers += [nn.Linear(channels, hidden_channels, bias=False), nn.BatchNorm1d(hidden_channels), nn.ReLU()]
            channels = hidden_channels
        super().__init__(*layers, nn.Linear(channels, out_channels))

    def forward(self, features: Tensor) -> Tensor:
        """``[N, D]`` of features ``[N, C]``."""
        if not self.training or len(features) > 1:
            return super().forward(features)
        self.eval()  # BatchNorm has no batch statistics for fewer than two rows.
        try:
            return super().forward(features)
        finally:
            self.train()
