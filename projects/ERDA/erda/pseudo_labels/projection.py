from typing import Any, Callable, List, Sequence, Tuple, cast

import torch.nn.functional as F
from torch import Tensor, nn

from ..config import ConfigError
from .folded_batch_norm import fold_batch_norm


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

    def in_parts(self, features: Tensor) -> Tuple[Tensor, Callable[..., Tensor], Sequence[Tensor]]:
        """The same, in a form in which each row can be computed for itself.

        Args:
            features: ``[N, C]``.

        Returns: rows, a function ``(rows [n, C], *parameters) -> [n, D]`` and its parameters.
        """
        *layers, last = cast(List[Any], list(self))
        if not layers:
            return features, F.linear, (last.weight, last.bias)
        *first, linear, norm, _ = layers
        if len(features) < 2 or type(norm) is not nn.BatchNorm1d or not norm.training:
            return self(features), lambda rows: rows, ()
        for layer in first:
            features = layer(features)
        rows, weight, bias = fold_batch_norm(linear, norm, features)
        return rows, _linear_relu_linear, (weight, bias, last.weight, last.bias)


def _linear_relu_linear(rows: Tensor, weight: Tensor, bias: Tensor, last_weight: Tensor, last_bias: Tensor) -> Tensor:
    return F.linear(F.linear(rows, weight, bias).relu_(), last_weight, last_bias)
