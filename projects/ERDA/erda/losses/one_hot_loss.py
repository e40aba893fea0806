from typing import Optional

import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..config import ConfigError
from .points_per_rank import points_per_rank


@MODELS.register_module()
class OneHotLoss(nn.Module):
    """Cross-entropy of the prediction with the likeliest class of each pseudo-label, which gets no gradient.

    Hard pseudo-labels, as in self-training; what ERDA's soft ones are compared with.

    Args:
        loss_weight: at least 0.

    Raises:
        ValueError: for a negative weight.
    """

    def __init__(self, loss_weight: float = 0.1) -> None:
        super().__init__()
        if loss_weight < 0:
            raise ConfigError(f'loss_weight={loss_weight} must not be negative')
        self.loss_weight = loss_weight

    def forward(self, pseudo_logits: Tensor, seg_logits: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Mean over the selected points; arguments and result are those of :class:`erda.losses.ERDALoss`."""
        if mask is not None:
            rows = mask.nonzero().squeeze(1)
            pseudo_logits, seg_logits = pseudo_logits[rows], seg_logits[rows]
        seg_logits = seg_logits if seg_logits.element_size() >= 4 else seg_logits.float()
        loss = F.cross_entropy(seg_logits, pseudo_logits.argmax(dim=-1), reduction='sum')
        return self.loss_weight * loss / points_per_rank(loss.new_tensor(len(seg_logits)))
