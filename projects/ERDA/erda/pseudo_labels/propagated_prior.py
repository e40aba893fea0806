import torch
from torch import Tensor


def propagated_prior(label: Tensor, confidence: Tensor, num_classes: int) -> Tensor:
    """Logits of what propagated labels say: 0 for every class where they say nothing.

    The class of a point has its confidence c, and the others share the rest: the logit of the class is
    ``log(c (K - 1) / (1 - c))`` above theirs. A point without a label, or less sure than a guess, says nothing.

    Args:
        label: ``[N]`` int64, a class, or negative for none.
        confidence: ``[N]`` in 0 to 1.
        num_classes: K, at least 2.

    Returns: ``[N, K]`` float32.

    Examples:
        >>> propagated_prior(torch.tensor([1, -1]), torch.tensor([0.5, 0.9]), num_classes=3).softmax(dim=1)
        tensor([[0.2500, 0.5000, 0.2500],
                [0.3333, 0.3333, 0.3333]])
    """
    # The confidence of a few labels that all agree is no certainty.
    sure = confidence.float().clamp(1 / num_classes, 0.995)
    logit = torch.log(sure * (num_classes - 1) / (1 - sure)).where(label >= 0, 0)
    return torch.zeros(len(label), num_classes, device=label.device).scatter_(
        1, label.clamp(min=0)[:, None], logit[:, None])
