from typing import List

import torch
from mmdet3d.models import Seg3DTTAModel
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample


@MODELS.register_module()
class SoftSeg3DTTAModel(Seg3DTTAModel):
    """``Seg3DTTAModel`` that gives the mean probabilities, too, where the stock class leaves logits of the first view.

    They are ``pts_seg_logits`` of each sample, ``[K, N]`` logarithms of probabilities.
    """

    def merge_preds(self, data_samples_list: List[List[Det3DDataSample]]) -> List[Det3DDataSample]:
        merged = super().merge_preds(data_samples_list)
        for sample, views in zip(merged, data_samples_list):
            log_probabilities = [view.pts_seg_logits.pts_seg_logits.float().log_softmax(dim=0) for view in views]
            mean = torch.stack(log_probabilities).logsumexp(dim=0) - torch.tensor(float(len(views))).log()
            sample.pts_seg_logits.pts_seg_logits = mean
        return merged
