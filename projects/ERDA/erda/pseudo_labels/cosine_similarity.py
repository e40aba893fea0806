from typing import Any, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-6  # a shorter embedding has no direction


def cosine_similarity(embedding: Tensor, class_vectors: Tensor, scale: Union[float, Tensor]) -> Tensor:
    """Scaled cosine of each embedding with the vector of each class.

    Args:
        embedding: ``[N, D]``.
        class_vectors: ``[K, D]``; one of zeros has a cosine of 0.
        scale: factor.

    Returns: ``[N, K]``.

    Examples:
        >>> cosine_similarity(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), scale=1.0)
        tensor([[0.6000, 0.8000, 0.0000]])
    """
    class_vectors = scale * F.normalize(class_vectors, dim=-1, eps=EPSILON)
    return _ScaledCosine.apply(embedding, class_vectors.to(embedding.dtype))


class _ScaledCosine(torch.autograd.Function):
    """Products of embeddings ``[N, D]`` and class vectors ``[K, D]``, over the lengths of the embeddings.

    torch's own gradient takes longer, because it goes through ``N x D`` tensors more often.
    """

    @staticmethod
    def forward(ctx: Any, embedding: Tensor, class_vectors: Tensor) -> Tensor:
        # Dividing N x K products is cheaper than normalising N x D embeddings.
        length = torch.linalg.vector_norm(embedding, dim=-1, keepdim=True).clamp(min=EPSILON)
        cosine = (embedding @ class_vectors.T).div_(length)
        ctx.save_for_backward(embedding, class_vectors, length, cosine)
        return cosine

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tuple[Optional[Tensor], Optional[Tensor]]:
        embedding, class_vectors, length, cosine = ctx.saved_tensors
        gradient = gradient / length
        along = -torch.linalg.vecdot(gradient, cosine)[:, None] / length  # what a longer embedding would change
        along.masked_fill_(length == EPSILON, 0)  # too short: a constant
        of_embedding = (gradient @ class_vectors).addcmul_(embedding, along) if ctx.needs_input_grad[0] else None
        return of_embedding, gradient.T @ embedding if ctx.needs_input_grad[1] else None
