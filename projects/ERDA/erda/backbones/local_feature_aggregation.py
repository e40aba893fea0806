"""The blocks of RandLA-Net: what a point learns from its neighbours.

Source: RandLA-Net, section 3.3, https://arxiv.org/abs/1911.11236; where the paper leaves it open, as in the authors'
code, https://github.com/QingyongHu/RandLA-Net
"""
import torch
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

SLOPE = 0.2  # of leaky ReLUs, for negative numbers


class SharedMLP(nn.Module):
    """One linear layer for all points, a normalisation and a leaky ReLU.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        norm_cfg: of a layer over rows.
        activation: whether a leaky ReLU comes last.
    """

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict, activation: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias=False)  # the normalisation has one
        self.norm = build_norm_layer(norm_cfg, out_channels)[1]
        self.activation = nn.LeakyReLU(SLOPE) if activation else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``[..., C_in]`` to ``[..., C_out]``."""
        return self.activation(self.norm(self.linear(x.flatten(0, -2)))).unflatten(0, x.shape[:-1])


def relative_positions(xyz: Tensor, neighbors: Tensor) -> Tensor:
    """Where the neighbours of each point are: distance, difference, the point and the neighbour.

    Args:
        xyz: ``[N, 3]``.
        neighbors: ``[N, K]`` rows.

    Returns: ``[N, K, 10]``.

    Examples:
        >>> xyz = torch.tensor([[0., 0, 0], [3, 4, 0]])
        >>> relative_positions(xyz, torch.tensor([[1], [0]]))[0].tolist()
        [[5.0, -3.0, -4.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0]]
    """
    near = xyz[neighbors]
    here = xyz.unsqueeze(1).expand_as(near)
    difference = here - near
    return torch.cat([difference.norm(dim=2, keepdim=True), difference, here, near], dim=2)


class AttentivePooling(nn.Module):
    """A weighted mean over the neighbours, with weights of each channel's own, and an MLP.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        norm_cfg: of a layer over rows.
    """

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.score = nn.Linear(in_channels, in_channels, bias=False)
        self.mlp = SharedMLP(in_channels, out_channels, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, K, C_in]`` to ``[N, C_out]``."""
        return self.mlp((self.score(x).softmax(dim=1) * x).sum(dim=1))


class DilatedResidualBlock(nn.Module):
    """Local spatial encoding and attentive pooling, twice in a row, and a shortcut.

    Args:
        in_channels: C_in.
        channels: C; the block has 2 C output channels.
        norm_cfg: of layers over rows.
        residual_slope: of the leaky ReLU behind the sum with the shortcut.
    """

    def __init__(self, in_channels: int, channels: int, norm_cfg: dict, residual_slope: float = SLOPE) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = SharedMLP(in_channels, half, norm_cfg)
        self.encode1 = SharedMLP(10, half, norm_cfg)
        self.pool1 = AttentivePooling(channels, half, norm_cfg)
        self.encode2 = SharedMLP(half, half, norm_cfg)
        self.pool2 = AttentivePooling(channels, channels, norm_cfg)
        self.expand = SharedMLP(channels, 2 * channels, norm_cfg, activation=False)
        self.shortcut = SharedMLP(in_channels, 2 * channels, norm_cfg, activation=False)
        self.activation = nn.LeakyReLU(residual_slope)

    def forward(self, features: Tensor, xyz: Tensor, neighbors: Tensor) -> Tensor:
        """``[N, C_in]`` to ``[N, 2 C]``.

        Args:
            features: ``[N, C_in]``.
            xyz: ``[N, 3]``.
            neighbors: ``[N, K]`` rows.
        """
        position = self.encode1(relative_positions(xyz, neighbors))
        x = self.pool1(torch.cat([self.reduce(features)[neighbors], position], dim=2))
        x = self.pool2(torch.cat([x[neighbors], self.encode2(position)], dim=2))
        return self.activation(self.expand(x) + self.shortcut(features))
