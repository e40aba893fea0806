from typing import Optional, Union

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..config import ConfigError
from .chunked_loss import ChunkedLogits, chunked_loss
from .functional import ALIGNMENT_FORMS
from .points_per_rank import points_per_rank

GRADIENTS = ('both', 'pseudo_label', 'prediction')


@MODELS.register_module()
class ERDALoss(nn.Module):
    """Entropy regularisation and distribution alignment: ``alpha * mean(lambda * H(p) + D(p, q))``.

    With ``alignment='kl_pq'`` and ``entropy_weight=1`` this is the soft cross-entropy ``-sum p log q``, with gradients
    into both the pseudo-label p and the prediction q.

    Args:
        alignment: form of D, see :func:`erda.losses.functional.distribution_alignment`.
        entropy_weight: lambda, at least 0.
        loss_weight: alpha, at least 0.
        gradient: where gradients go, ``'both'`` as published, or to one side, ``'pseudo_label'`` or ``'prediction'``.

    Raises:
        ValueError: for an unknown form or side, or a negative weight.

    Source: ERDA, https://arxiv.org/abs/2305.15832
    """

    def __init__(self,
                 alignment: str = 'kl_pq',
                 entropy_weight: float = 1.0,
                 loss_weight: float = 0.1,
                 gradient: str = 'both') -> None:
        super().__init__()
        if alignment not in ALIGNMENT_FORMS:
            raise ConfigError(f'alignment={alignment!r} is not one of {ALIGNMENT_FORMS}')
        if entropy_weight < 0 or loss_weight < 0:
            raise ConfigError(f'entropy_weight={entropy_weight} and loss_weight={loss_weight} must not be negative')
        if gradient not in GRADIENTS:
            raise ConfigError(f'gradient={gradient!r} is not one of {GRADIENTS}')
        self.alignment = alignment
        self.entropy_weight = entropy_weight
        self.loss_weight = loss_weight
        self.gradient = gradient

    takes_chunked_logits = True

    def forward(self,
                pseudo_logits: Union[Tensor, ChunkedLogits],
                seg_logits: Tensor,
                mask: Optional[Tensor] = None) -> Tensor:
        """Mean over the selected points.

        Args:
            pseudo_logits: ``[N, K]`` logits of the pseudo-labels, or what computes them chunk by chunk.
            seg_logits: ``[N, K]`` logits of the prediction.
            mask: ``[N]`` bool, the points to average over; all of them if ``None``.

        Returns: scalar in nats, in float32 or wider; an exact 0 that still has a gradient if no point is selected.

        Raises:
            ValueError: if the shapes do not fit.
        """
        shape = pseudo_logits.shape if isinstance(pseudo_logits, Tensor) else (len(pseudo_logits.rows),
                                                                               *seg_logits.shape[1:])
        if shape != seg_logits.shape or seg_logits.dim() != 2:
            raise ValueError(f'pseudo_logits {tuple(shape)} and seg_logits {tuple(seg_logits.shape)} '
                             'must both be [N, K]')
        if mask is not None and mask.shape != seg_logits.shape[:1]:
            raise ValueError(f'mask {tuple(mask.shape)} must be [N] with N = {len(seg_logits)}')
        if self.gradient == 'prediction':
            pseudo_logits = pseudo_logits.detach()
        elif self.gradient == 'pseudo_label':
            seg_logits = seg_logits.detach()
        if mask is None:
            mask = torch.ones(len(seg_logits), dtype=torch.bool, device=seg_logits.device)
        weights = self.loss_weight * mask / points_per_rank(mask.sum())
        return chunked_loss(pseudo_logits, seg_logits, weights, self.alignment, self.entropy_weight)
