"""The arithmetic of ERDA: entropy of a pseudo-label and its distance to the prediction, per point, from logits."""
import math
from typing import Tuple

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
    log_p = F.log_softmax(logits, dim=-1)
    return -vecdot(log_p.exp(), log_p)


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
    log_p, log_q = F.log_softmax(pseudo_logits, dim=-1), F.log_softmax(seg_logits, dim=-1)
    p, q = log_p.exp(), log_q.exp()
    if form == 'kl_pq':
        return vecdot(p, log_p - log_q)
    if form == 'kl_qp':
        return vecdot(q, log_q - log_p)
    if form == 'js':
        # log((p + q) / 2) without leaving the log domain, so that p = q = 0 gives 0 and not NaN.
        log_m = log_p.logaddexp(log_q) - math.log(2)
        return 0.5 * (vecdot(p, log_p - log_m) + vecdot(q, log_q - log_m))
    if form == 'mse':
        return 0.5 * (p - q).square().sum(dim=-1)
    raise ValueError(f'alignment form {form!r} is not one of {ALIGNMENT_FORMS}')


def loss_and_gradients(log_p: Tensor, log_q: Tensor, form: str, entropy_weight: float) -> Tuple[Tensor, Tensor, Tensor]:
    """``entropy_weight * H(p) + D(p, q)`` and its gradients in closed form.

    A loss with the derivatives ``u = dL / dp`` has the gradient ``p * (u - sum p u)`` in the logits of p; adding a
    constant to u changes nothing.

    Args:
        log_p: ``[N, K]`` log-probabilities of p.
        log_q: ``[N, K]`` of q.
        form: that of D.
        entropy_weight: lambda.

    Returns: loss ``[N]``, gradients ``[N, K]`` in the logits of p and in those of q.
    """
    p, q = log_p.exp(), log_q.exp()
    if form == 'kl_pq':
        minus_u = log_q if entropy_weight == 1 else log_q + (entropy_weight - 1) * log_p
        loss = -vecdot(p, minus_u)
        return loss, (-loss[:, None] - minus_u).mul_(p), q.sub_(p)
    if form == 'kl_qp':
        v = log_q - log_p
        loss, grad_p, grad_q = vecdot(q, v), p - q, _through_softmax(q, v)
    elif form == 'js':
        log_m = log_p.logaddexp(log_q) - math.log(2)
        u, v = 0.5 * (log_p - log_m), 0.5 * (log_q - log_m)
        loss, grad_p, grad_q = vecdot(p, u) + vecdot(q, v), _through_softmax(p, u), _through_softmax(q, v)
    elif form == 'mse':
        u = p - q
        loss, grad_p, grad_q = 0.5 * vecdot(u, u), _through_softmax(p, u), _through_softmax(q, -u)
    else:
        raise ValueError(f'alignment form {form!r} is not one of {ALIGNMENT_FORMS}')
    if entropy_weight > 0:
        loss = loss - entropy_weight * vecdot(p, log_p)
        grad_p = grad_p - entropy_weight * _through_softmax(p, log_p)
    return loss, grad_p, grad_q


def _through_softmax(p: Tensor, u: Tensor) -> Tensor:
    return p * (u - vecdot(p, u)[:, None])
