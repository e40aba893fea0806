from typing import Optional

import torch
from mmdet3d.models.losses import LovaszLoss
from mmdet3d.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class FewLabelLovaszLoss(LovaszLoss):
    """mmdet3d's ``LovaszLoss`` for rows of logits of which only a few, one or none are labelled.

    The stock loss is NaN without a label and raises with exactly one. Here it is 0 without a label, with a gradient,
    and ``1 - q[label]`` with one, which is what its formula gives.
    The arguments are those of ``LovaszLoss``; ``per_sample`` makes no sense for rows.

    Source: Lovász-Softmax, https://arxiv.org/abs/1705.08790
    """

    def forward(self, cls_score: Tensor, label: Tensor, ignore_index: Optional[int] = None, **kwargs) -> Tensor:
        """Loss over the labelled rows.

        Args:
            cls_score: ``[N, K]`` logits.
            label: ``[N]`` integers in 0 to K-1, or ``ignore_index``.
            ignore_index: the label of rows to leave out.

        Returns: scalar.
        """
        if ignore_index is not None:
            rows = (label != ignore_index).nonzero().squeeze(1)
            cls_score, label = cls_score[rows], label[rows]
        if len(label) == 0:
            return cls_score.sum()
        if len(label) == 1:  # Twice the same row has the same Jaccard loss, and the stock code can flatten it.
            cls_score, label = torch.cat([cls_score] * 2), torch.cat([label] * 2)
        return super().forward(cls_score, label, **kwargs)
