from typing import Optional, Union

import torch
from torch import Tensor

from ..config import ConfigError
from ..losses.chunked_loss import ChunkedLogits, max_probability
from ..weak_labels import UNLABELED

POINTS = ('unlabelled', 'all')


class PointSelection:
    """Which points or voxels a loss on pseudo-labels covers.

    Args:
        points: ``'unlabelled'``, or ``'all'`` to cover labelled ones as well, which is what ERDA does under full
            supervision.
        min_confidence: only pseudo-labels whose largest probability reaches this, in [0, 1].
        top_n: only so many of each scan, the most confident ones; all of them if ``None``.

    Raises:
        ValueError: if an argument is out of range.

    Source: ERDA covers all unlabelled points, figure 3 compares that with the most confident ones,
        https://arxiv.org/abs/2305.15832; thresholds are those of FixMatch, https://arxiv.org/abs/2001.07685
    """

    def __init__(self, points: str = 'unlabelled', min_confidence: float = 0.0, top_n: Optional[int] = None) -> None:
        if points not in POINTS:
            raise ConfigError(f'points={points!r} is not one of {POINTS}')
        if not 0 <= min_confidence <= 1:
            raise ConfigError(f'min_confidence={min_confidence} must be in [0, 1]')
        if top_n is not None and top_n < 1:
            raise ConfigError(f'top_n={top_n} must be at least 1, or None')
        self.points = points
        self.min_confidence = min_confidence
        self.top_n = top_n

    @torch.no_grad()
    def __call__(self, pseudo_logits: Union[Tensor, ChunkedLogits], labels: Tensor, scans: Tensor) -> Tensor:
        """``[N]`` bool, the points to cover.

        Args:
            pseudo_logits: ``[N, K]``, or what computes them chunk by chunk.
            labels: ``[N]``, a class or :data:`erda.weak_labels.UNLABELED`.
            scans: ``[N]`` int64, the number of the scan that a point is from, ascending.
        """
        mask = labels == UNLABELED if self.points == 'unlabelled' else torch.ones_like(labels, dtype=torch.bool)
        if self.min_confidence == 0 and self.top_n is None:
            return mask
        confidence = max_probability(pseudo_logits)
        mask = mask & (confidence >= self.min_confidence)
        if self.top_n is None:
            return mask
        chosen = torch.zeros_like(mask)
        for scan in scans.unique():
            candidates = (mask & (scans == scan)).nonzero().squeeze(1)
            best = confidence[candidates].argsort(descending=True, stable=True)[:self.top_n]
            chosen[candidates[best]] = True
        return chosen
