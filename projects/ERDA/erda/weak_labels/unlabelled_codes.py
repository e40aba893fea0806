"""What an unlabelled point carries through a pipeline in its label, any negative number, because nothing else fits."""
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .budgets import UNLABELED

MOST_CLASSES = 254
_BYTE = 255


class Unlabelled(NamedTuple):
    """What is known of N points by their labels; of labelled and void ones it is nothing.

    Attributes:
        mask: ``[N]`` bool, where a point is unlabelled.
        hidden: ``[N]`` int64, the class that is hidden from training, -1 where none is told.
        asked: ``[N]`` bool, where it was asked what labels nearby suggest.
        propagated: ``[N]`` int64, the class that they do, -1 where there is none.
        confidence: ``[N]`` float32 in 0 to 1, of that suggestion, in steps of 1/255.
    """
    mask: Tensor
    hidden: Tensor
    asked: Tensor
    propagated: Tensor
    confidence: Tensor


def with_hidden(labels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Labels ``[N]`` whose unlabelled points tell the class ``[N]`` that is hidden there: for reports alone."""
    return np.where(labels == UNLABELED, UNLABELED - (hidden + 1), labels)


def with_propagated(labels: np.ndarray, propagated: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Labels ``[N]`` whose unlabelled points also tell a suggested class ``[N]``, -1 for none, and how sure that is."""
    steps = np.rint(np.clip(confidence, 0, 1) * _BYTE).astype(np.int64)
    told = ((propagated + 1) << 8) + (steps + 1 << 16)
    return np.where(labels < 0, labels - told, labels)


def decoded(labels: Tensor) -> Unlabelled:
    """What labels ``[N]`` tell.

    Examples:
        >>> labels = with_propagated(np.array([2, -1, -1]), np.array([2, 1, -1]), np.array([1.0, 0.6, 0.0]))
        >>> told = decoded(torch.from_numpy(labels))
        >>> told.mask.tolist(), told.propagated.tolist(), round(told.confidence[1].item(), 1)
        ([False, True, True], [-1, 1, -1], 0.6)
    """
    code = torch.clamp(UNLABELED - labels.long(), min=0)
    asked = code >> 16 > 0
    confidence = (code >> 16).sub(1).clamp(min=0).float() / _BYTE
    return Unlabelled(labels < 0, (code & _BYTE) - 1, asked, (code >> 8 & _BYTE) - 1, confidence)
