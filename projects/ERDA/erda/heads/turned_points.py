import math
from typing import Tuple

import torch
from torch import Tensor


def turned_points(points: Tensor, angle: float, mirrored: Tuple[bool, bool] = (False, False),
                  scale: float = 1.0) -> Tensor:
    """The same scan seen from another side.

    Args:
        points: ``[N, C]``, x, y, z in metres first; the other columns stay as they are.
        angle: of the turn about z, counterclockwise, radians.
        mirrored: whether x and y change their signs before the turn.
        scale: factor of the coordinates.

    Examples:
        >>> turned_points(torch.tensor([[1.0, 0.0, 2.0, 0.5]]), math.pi / 2).round(decimals=3).abs()
        tensor([[0.0000, 1.0000, 2.0000, 0.5000]])
    """
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = (-1.0 if mirror else 1.0 for mirror in mirrored)
    turn = torch.tensor([[x * cos, x * sin, 0], [-y * sin, y * cos, 0], [0, 0, 1]])
    return torch.cat([points[:, :3] @ (scale * turn).to(points), points[:, 3:]], dim=1)
