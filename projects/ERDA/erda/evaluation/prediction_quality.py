"""How good soft predictions are, against known classes."""
from typing import NamedTuple

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


def prediction_quality(logits: Tensor, classes: Tensor) -> PredictionQuality:
    """Accuracy, IoU, entropy and calibration of ``softmax(logits)``.

    Args:
        logits: ``[N, K]`` on the CPU, N at least 1.
        classes: ``[N]`` int64 in 0 to K-1, there, too.

    Source: the calibration error in 15 bins is that of Guo et al., https://arxiv.org/abs/1706.04599
    """
    log_probabilities = logits.float().log_softmax(dim=-1)
    probabilities = log_probabilities.exp()
    confidence, predicted = probabilities.max(dim=-1)
    right = (predicted == classes).double()
    bins = (confidence * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    gap = torch.bincount(bins, weights=right - confidence.double(), minlength=NUM_BINS)
    num_classes = logits.shape[1]
    confusion = confusion_matrix(predicted.numpy(), classes.numpy(), num_classes, ignore_index=num_classes)
    return PredictionQuality(
        accuracy=right.mean().item(),
        miou=segmentation_scores(confusion).miou,
        entropy=-(probabilities * log_probabilities).sum(dim=-1).mean().item(),
        ece=(gap.abs().sum() / len(classes)).item())
