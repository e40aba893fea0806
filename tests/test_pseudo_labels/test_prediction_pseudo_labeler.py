import pytest
import torch
from mmdet3d.registry import MODELS

from erda.pseudo_labels import PredictionPseudoLabeler


def test_sharper_or_flatter_and_nothing_else():
    labeler = MODELS.build(dict(type='PredictionPseudoLabeler', in_channels=8, num_classes=4, temperature=0.5))
    logits = torch.randn(5, 4, requires_grad=True)
    pseudo_logits = labeler(logits, torch.zeros(5))
    assert torch.equal(pseudo_logits, 2 * logits) and pseudo_logits.requires_grad
    assert labeler.source == 'seg_logits' and not list(labeler.state_dict())


def test_temperature():
    with pytest.raises(ValueError, match='temperature=0 must be positive'):
        PredictionPseudoLabeler(8, 4, temperature=0)
