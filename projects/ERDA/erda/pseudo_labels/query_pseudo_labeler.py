from functools import partial
from typing import Optional, Tuple

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..config import ConfigError
from ..losses.chunked_loss import ChunkedLogits
from .cosine_similarity import cosine_similarity
from .projection import Projection


@MODELS.register_module()
class QueryPseudoLabeler(nn.Module):
    """Soft pseudo-labels from the cosine similarity of a point to one learned query per class.

    The queries are refined by cross-attention over the features of the batch, so they follow what augmentation makes of
    it: ``p = softmax(scale * cos(g, queries))``. Attention looks at a sample of the points, all labelled ones first,
    because they say what the classes look like in this batch; its cost does not grow with the batch.

    The extended version of ERDA says in its abstract that learned class queries refined by cross-attention over the
    features cope with diverse augmentations. Its formula is not published: **this is our reading of that sentence.**

    Args:
        in_channels: C, channels of the features.
        num_classes: K.
        hidden_channels: width of the projection's hidden layers; C if ``None``.
        out_channels: D, width of g and of the queries, a multiple of ``num_heads``; C if ``None``.
        num_layers: linear layers in the projection, at least 1.
        num_refinements: rounds of cross-attention, at least 1.
        num_heads: of the attention.
        num_samples: points that attention looks at, at most.
        scale: kappa, the inverse temperature.

    Raises:
        ValueError: if an argument is out of range.

    Source: abstract of https://arxiv.org/abs/2408.16520
    """

    source = 'features'

    def __init__(self,
                 in_channels: int,
                 num_classes: int,
                 hidden_channels: Optional[int] = None,
                 out_channels: Optional[int] = None,
                 num_layers: int = 2,
                 num_refinements: int = 2,
                 num_heads: int = 1,
                 num_samples: int = 1024,
                 scale: float = 10.0) -> None:
        super().__init__()
        hidden_channels, out_channels = hidden_channels or in_channels, out_channels or in_channels
        if num_refinements < 1 or num_samples < 1:
            raise ConfigError(f'num_refinements={num_refinements} and num_samples={num_samples} must be at least 1')
        if out_channels % num_heads:
            raise ConfigError(f'out_channels={out_channels} must be a multiple of num_heads={num_heads}')
        if scale <= 0:
            raise ConfigError(f'scale={scale} must be positive')
        self.num_classes = num_classes
        self.num_samples = num_samples
        self.scale = scale
        self.projection = Projection(in_channels, hidden_channels, out_channels, num_layers)
        self.queries = nn.Parameter(torch.randn(num_classes, out_channels))
        self.attentions = nn.ModuleList(
            nn.MultiheadAttention(out_channels, num_heads, batch_first=True) for _ in range(num_refinements))
        self.norms = nn.ModuleList(nn.LayerNorm(out_channels) for _ in range(num_refinements))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Refine the queries on this batch, then compare every point with them.

        Args:
            features: ``[N, C]`` in front of the classifier.
            labels: ``[N]`` integers; 0 to K-1 is a labelled point, anything else is not. They only decide which points
                attention looks at.

        Returns: pseudo-logits ``[N, K]``.

        Raises:
            ValueError: if the shapes do not fit.
        """
        embedding, queries = self._embedding_and_queries(features, labels)
        return cosine_similarity(embedding, queries, self.scale)

    def in_chunks(self, features: Tensor, labels: Tensor) -> ChunkedLogits:
        """The same pseudo-logits, computed where they are needed."""
        embedding, queries = self._embedding_and_queries(features, labels)
        return ChunkedLogits(embedding, partial(cosine_similarity, scale=self.scale), (queries, ))

    def _embedding_and_queries(self, features: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:
        if features.dim() != 2 or labels.shape != features.shape[:1]:
            raise ValueError(f'features {tuple(features.shape)} must be [N, C] and labels {tuple(labels.shape)} [N]')
        embedding = self.projection(features)
        queries, keys = self.queries, embedding[self._sample(labels)][None]
        for attention, norm in zip(self.attentions, self.norms):
            # Normalised in front of the attention, not behind it: the sum stays free to grow or shrink.
            refined, _ = attention(norm(queries)[None], keys, keys, need_weights=False)
            queries = queries + refined[0]
        return embedding, queries

    def _sample(self, labels: Tensor) -> Tensor:
        """Indices of the points that attention looks at, evenly spread in evaluation mode."""
        count = len(labels)
        if count <= self.num_samples:
            return torch.arange(count, device=labels.device)
        if not self.training:
            return torch.arange(self.num_samples, device=labels.device) * count // self.num_samples
        # Drawn on the CPU, whose generator decides the run, whatever the device.
        rank = torch.randperm(count).to(labels.device)
        labelled = (labels >= 0) & (labels < self.num_classes)
        return torch.where(labelled, rank, rank + count).argsort()[:self.num_samples]
