"""How good soft predictions are, against known classes."""
from typing import Dict, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .confusion_metric import confusion_matrix, segmentation_scores

NUM_BINS = 15


class PredictionQuality(NamedTuple):
    """Of N points.

    Attributes:
        accuracy: share of points whose likeliest class is right.
        miou: mean IoU of the likeliest class, over the classes that occur.
        entropy: mean entropy of the probabilities, nats.
        ece: expected calibration error, the mean distance of confidence and accuracy over bins of confidence.
    """
    accuracy: float
    miou: float
    entropy: float
    ece: float


class QualityGap(NamedTuple):
    """How much better pseudo-labels are than predictions where a loss covers them; negative where they are worse.

    Attributes:
        accuracy: difference of the shares of points whose likeliest class is right; NaN where nothing is covered.
        miou: difference of the mean IoU over the classes that occur; NaN, too.
        covered: share of the points that are covered.
    """
    accuracy: float
    miou: float
    covered: float


def quality_gap(pseudo_logits: Tensor, seg_logits: Tensor, classes: Tensor, covered: Tensor) -> QualityGap:
    """Pseudo-labels minus predictions.

    Args:
        pseudo_logits, seg_logits: ``[N, K]`` on the CPU, N at least 1.
        classes: ``[N]`` int64 in 0 to K-1.
        covered: ``[N]`` bool, the points that the loss covers.

    Examples:
        >>> right, wrong = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> tuple(quality_gap(right, wrong, torch.tensor([0]), torch.tensor([True])))
        (1.0, 1.0, 1.0)
    """
    p, q = (segmentation_scores(_confusion(logits[covered], classes[covered]))
            for logits in (pseudo_logits, seg_logits))
    return QualityGap(p.overall_accuracy - q.overall_accuracy, p.miou - q.miou, covered.double().mean().item())


def class_ious(logits: Tensor, classes: Tensor) -> Dict[int, float]:
    """IoU in 0 to 1 of the likeliest class, for each class that occurs.

    Args:
        logits: ``[N, K]`` on the CPU.
        classes: ``[N]`` int64 in 0 to K-1.

    Examples:
        >>> class_ious(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), torch.tensor([0, 1]))
        {0: 0.5, 1: 0.0}
    """
    scores = segmentation_scores(_confusion(logits, classes))
    return {label: float(scores.iou[label]) for label in scores.support.nonzero()[0].tolist()}


def _confusion(logits: Tensor, classes: Tensor) -> np.ndarray:
    num_classes = logits.shape[1]
    return confusion_matrix(logits.argmax(dim=-1).numpy(), classes.numpy(), num_classes, ignore_index=num_classes)


def prediction_quality(logits: Tensor, classes: Tensor) -> PredictionQuality:
    """Accuracy, IoU, entropy and calibration of ``softmax(logits)``.

    Args:
        logits: ``[N, K]`` on the CPU, N at least 1.
        classes: ``[N]`` int64 in 0 to K-1, there, too.

    Source: the calibration error in 15 bins is that of Guo et al., https://arxiv.org/abs/1706.04599
    """
    log_probabilities = logits.float().log_softmax(dim=-1)
    probabilities = log_probabilities.exp()
    confidence = probabilities.amax(dim=-1)
    right = (logits.argmax(dim=-1) == classes).double()  # of nearly equal logits, probabilities may be equal
    bins = (confidence * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    gap = torch.bincount(bins, weights=right - confidence.double(), minlength=NUM_BINS)
    return PredictionQuality(
        accuracy=right.mean().item(),
        miou=segmentation_scores(_confusion(logits, classes)).miou,
        entropy=-(probabilities * log_probabilities).sum(dim=-1).mean().item(),
        ece=(gap.abs().sum() / len(classes)).item())
