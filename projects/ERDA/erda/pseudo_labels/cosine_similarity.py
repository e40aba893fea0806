from typing import Union

import torch
import torch.nn.functional as F
from torch import Tensor

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
    # Dividing N x K products is cheaper than normalising N x D embeddings.
    length = torch.linalg.vector_norm(embedding, dim=-1, keepdim=True).clamp(min=EPSILON)
    return embedding @ class_vectors.T.to(embedding.dtype) / length
