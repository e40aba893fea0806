import torch
from mmdet3d.structures import Det3DDataSample, PointData

from erda.evaluation.soft_tta_model import SoftSeg3DTTAModel

K, N, VIEWS = 4, 7, 3


def test_mean_of_probabilities_and_its_class():
    logits = 3 * torch.randn(VIEWS, K, N, generator=torch.Generator().manual_seed(0))
    views = [Det3DDataSample(pts_seg_logits=PointData(pts_seg_logits=x), pred_pts_seg=PointData(
        pts_semantic_mask=x.argmax(dim=0))) for x in logits]
    merged, = SoftSeg3DTTAModel.merge_preds(SoftSeg3DTTAModel.__new__(SoftSeg3DTTAModel), [views])
    expected = logits.softmax(dim=1).mean(dim=0)
    torch.testing.assert_close(merged.pts_seg_logits.pts_seg_logits.exp(), expected)
    assert torch.equal(merged.pred_pts_seg.pts_semantic_mask, expected.argmax(dim=0))
    assert (expected.argmax(dim=0) != logits[0].argmax(dim=0)).any()
