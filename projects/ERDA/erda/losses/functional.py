"""The arithmetic of ERDA: entropy of a pseudo-label and its distance to the prediction, per point, from logits."""
import math

import torch.nn.functional as F
from torch import Tensor
from torch.linalg import vecdot  # without a tensor of products, forward or backward

ALIGNMENT_FORMS = ('kl_pq', 'kl_qp', 'js', 'mse')


def entropy(logits: Tensor) -> Tensor:
    """Shannon entropy of ``softmax(logits)``.

    Args:
        logits: ``[N, K]``, finite.

    Returns: ``[N]`` in nats, between 0 and ``log K``.

    Examples:
        >>> import torch
        >>> entropy(torch.zeros(1, 4))  # even odds for four classes: log 4
        tensor([1.3863])
    """
    return log_entropy(F.log_softmax(logits, dim=-1))


def distribution_alignment(pseudo_logits: Tensor, seg_logits: Tensor, form: str = 'kl_pq') -> Tensor:
    """Per-point divergence between the pseudo-label p and the prediction q.

    Args:
        pseudo_logits: ``[N, K]`` logits of p, finite. Gradients flow into both arguments.
        seg_logits: ``[N, K]`` logits of q, finite.
        form: ``'kl_pq'`` is KL(p||q), ``'kl_qp'`` is KL(q||p), ``'js'`` is H((p+q)/2) - (H(p)+H(q))/2, ``'mse'`` is
            half the squared distance of p and q.

    Returns: ``[N]``, in nats except for ``'mse'``; zero where p equals q.

    Raises:
        ValueError: if ``form`` is none of these.

    Source: ERDA, eq. 4 and table 1, https://arxiv.org/abs/2305.15832

    Examples:
        >>> import torch
        >>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.75, 0.25]])
        >>> distribution_alignment(p.log(), q.log())  # 0.5 log(0.5 / 0.75) + 0.5 log(0.5 / 0.25)
        tensor([0.1438])
        >>> distribution_alignment(p.log(), q.log(), form='mse')  # (0.25^2 + 0.25^2) / 2
        tensor([0.0625])
    """
    return log_alignment(F.log_softmax(pseudo_logits, dim=-1), F.log_softmax(seg_logits, dim=-1), form)


def log_entropy(log_p: Tensor) -> Tensor:
    """:func:`entropy` of log-probabilities ``[N, K]``, for callers that have them already."""
    return -vecdot(log_p.exp(), log_p)


def soft_cross_entropy(log_p: Tensor, log_q: Tensor) -> Tensor:
    """``-sum p log q`` of log-probabilities ``[N, K]``: H(p) + KL(p||q) in half the time."""
    return -vecdot(log_p.exp(), log_q)


def log_alignment(log_p: Tensor, log_q: Tensor, form: str = 'kl_pq') -> Tensor:
    """:func:`distribution_alignment` of log-probabilities ``[N, K]``, for callers that have them already."""
    p = log_p.exp()
    if form == 'kl_pq':
        return vecdot(p, log_p - log_q)
    q = log_q.exp()
    if form == 'kl_qp':
        return vecdot(q, log_q - log_p)
    if form == 'js':
        # log((p + q) / 2) without leaving the log domain, so that p = q = 0 gives 0 and not NaN.
        log_m = log_p.logaddexp(log_q) - math.log(2)
        return 0.5 * (vecdot(p, log_p - log_m) + vecdot(q, log_q - log_m))
    if form == 'mse':
        return 0.5 * (p - q).square().sum(dim=-1)
    raise ValueError(f'alignment form {form!r} is not one of {ALIGNMENT_FORMS}')
