from typing import Optional

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..config import ConfigError
from .functional import ALIGNMENT_FORMS, log_alignment, log_entropy, soft_cross_entropy
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

    def forward(self, pseudo_logits: Tensor, seg_logits: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Mean over the selected points.

        Args:
            pseudo_logits: ``[N, K]`` logits of the pseudo-labels.
            seg_logits: ``[N, K]`` logits of the prediction.
            mask: ``[N]`` bool, the points to average over; all of them if ``None``.

        Returns: scalar in nats, in float32 or wider; an exact 0 that still has a gradient if no point is selected.

        Raises:
            ValueError: if the shapes do not fit.
        """
        if pseudo_logits.shape != seg_logits.shape or seg_logits.dim() != 2:
            raise ValueError(f'pseudo_logits {tuple(pseudo_logits.shape)} and seg_logits {tuple(seg_logits.shape)} '
                             'must both be [N, K]')
        if mask is not None and mask.shape != seg_logits.shape[:1]:
            raise ValueError(f'mask {tuple(mask.shape)} must be [N] with N = {len(seg_logits)}')
        if seg_logits.element_size() < 4:  # Sums of small probabilities need more than half precision.
            seg_logits = seg_logits.float()
        if pseudo_logits.element_size() < 4:
            pseudo_logits = pseudo_logits.float()
        if self.gradient == 'prediction':
            pseudo_logits = pseudo_logits.detach()
        elif self.gradient == 'pseudo_label':
            seg_logits = seg_logits.detach()
        log_p, log_q = F.log_softmax(pseudo_logits, dim=-1), F.log_softmax(seg_logits, dim=-1)
        if self.alignment == 'kl_pq' and self.entropy_weight == 1:
            loss = soft_cross_entropy(log_p, log_q)
        else:
            loss = log_alignment(log_p, log_q, self.alignment)
            if self.entropy_weight > 0:
                loss = loss + self.entropy_weight * log_entropy(log_p)
        if mask is None:
            mask = torch.ones_like(loss, dtype=torch.bool)
        # Nearly all points are selected: setting the others to zero is cheaper than picking rows, above all backward.
        return self.loss_weight * loss.where(mask, 0).sum() / points_per_rank(mask.sum())
