import pytest
import torch

from erda.heads import PointSelection
from erda.weak_labels import UNLABELED

# Confidences 0.9, 0.6, 0.8 in the first scan, 0.7, 0.95, 0.5 in the second; the third point is labelled.
LOGITS = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.7, 0.3], [0.05, 0.95], [0.5, 0.5]]).log()
LABELS = torch.tensor([UNLABELED, UNLABELED, 1, UNLABELED, UNLABELED, UNLABELED])
SCANS = torch.tensor([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize('arguments, expected', [
    (dict(), [0, 1, 3, 4, 5]),
    (dict(points='all'), [0, 1, 2, 3, 4, 5]),
    (dict(min_confidence=0.65), [0, 3, 4]),
    (dict(min_confidence=0.65, points='all'), [0, 2, 3, 4]),
    (dict(min_confidence=1.0), []),
    (dict(top_n=1), [0, 4]),
    (dict(top_n=2), [0, 1, 3, 4]),
    (dict(top_n=2, min_confidence=0.8), [0, 4]),
    (dict(top_n=9), [0, 1, 3, 4, 5]),
])
def test_what_is_covered(arguments, expected):
    mask = PointSelection(**arguments)(LOGITS, LABELS, SCANS)
    assert mask.dtype == torch.bool and mask.nonzero().flatten().tolist() == expected


def test_no_points():
    assert PointSelection(top_n=3)(LOGITS[:0], LABELS[:0], SCANS[:0]).shape == (0, )


@pytest.mark.parametrize('arguments, message', [
    (dict(points='labelled'), "'labelled' is not one of"),
    (dict(min_confidence=90), 'in \\[0, 1\\]'),
    (dict(top_n=0), 'at least 1'),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        PointSelection(**arguments)
