import math
from typing import Optional, Union

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.dist import all_reduce
from torch import Tensor, nn

from ..config import ConfigError
from ..losses.chunked_loss import NO_MASS, ChunkedLogits
from .cosine_similarity import cosine_similarity
from .projection import Projection


@MODELS.register_module()
class PrototypePseudoLabeler(nn.Module):
    """Soft pseudo-labels from the cosine similarity of a point to one prototype per class.

    ``p = softmax(scale * cos(g, prototypes))``, where g is a projection of the features in front of the classifier and
    a prototype is the momentum average of the mean g of its class's labelled points. Gradients reach g, never the
    prototypes, which are buffers: they travel with the checkpoint. A class without labelled points in a batch keeps
    its prototype; a class never seen so far gets no probability.

    Args:
        in_channels: C, channels of the features.
        num_classes: K.
        hidden_channels: width of the projection's hidden layers; C if ``None``.
        out_channels: D, width of g; C if ``None``.
        num_layers: linear layers in the projection, with BatchNorm and ReLU in between; at least 1.
        momentum: weight of the old prototype, in [0, 1).
        scale: kappa, the inverse temperature; 1 as published.
        learn_scale: whether kappa is learned, beginning with ``scale``.

    Raises:
        ValueError: if ``num_layers``, ``momentum`` or ``scale`` is out of range.

    Source: ERDA, section 3.4, https://arxiv.org/abs/2305.15832
    """

    source = 'features'
    prototypes: Tensor
    seen: Tensor

    def __init__(self,
                 in_channels: int,
                 num_classes: int,
                 hidden_channels: Optional[int] = None,
                 out_channels: Optional[int] = None,
                 num_layers: int = 2,
                 momentum: float = 0.999,
                 scale: float = 1.0,
                 learn_scale: bool = False) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ConfigError(f'momentum={momentum} must be in [0, 1)')
        if scale <= 0:
            raise ConfigError(f'scale={scale} must be positive')
        hidden_channels, out_channels = hidden_channels or in_channels, out_channels or in_channels
        self.num_classes = num_classes
        self.momentum = momentum
        # The logarithm keeps a learned scale positive.
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale))) if learn_scale else None
        self._scale = scale
        self.projection = Projection(in_channels, hidden_channels, out_channels, num_layers)
        self.register_buffer('prototypes', torch.zeros(num_classes, out_channels))
        self.register_buffer('seen', torch.zeros(num_classes, dtype=torch.bool))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Update the prototypes (in training mode only), then compare every point with them.

        Args:
            features: ``[N, C]`` in front of the classifier.
            labels: ``[N]`` integers; 0 to K-1 is a labelled point, anything else is not.

        Returns: pseudo-logits ``[N, K]``. As long as no class has been seen at all they are uniform.

        Raises:
            ValueError: if the shapes do not fit.
        """
        _check_shapes(features, labels)
        embedding = self.projection(features)
        if self.training:
            self._update(embedding.detach(), labels)
        # The prototype of a class never seen is still zero, and so is its cosine.
        return cosine_similarity(embedding, self.prototypes, self.scale) + torch.where(self.seen, 0, NO_MASS)

    def in_chunks(self, features: Tensor, labels: Tensor) -> ChunkedLogits:
        """The same pseudo-logits, computed where they are needed."""
        _check_shapes(features, labels)
        rows, embed, parameters = self.projection.in_parts(features)
        if self.training:
            labelled = ((labels >= 0) & (labels < self.num_classes)).nonzero().squeeze(1)
            self._update(embed(rows.detach()[labelled], *parameters).detach(), labels[labelled])
        offset = torch.where(self.seen, 0, NO_MASS)

        def logits_of(rows: Tensor, prototypes: Tensor, scale: Tensor, *parameters: Tensor) -> Tensor:
            return cosine_similarity(embed(rows, *parameters), prototypes, scale) + offset

        # A copy of the prototypes, which the next batch changes.
        scale = torch.as_tensor(self.scale).to(self.prototypes)
        return ChunkedLogits(rows, logits_of, (self.prototypes.clone(), scale, *parameters))

    @property
    def scale(self) -> Union[float, Tensor]:
        """Kappa, a scalar tensor with a gradient if it is learned."""
        return self._scale if self.log_scale is None else self.log_scale.exp()

    @torch.no_grad()
    def _update(self, embedding: Tensor, labels: Tensor) -> None:
        labelled = (labels >= 0) & (labels < self.num_classes)
        # A product with one-hot rows instead of index_add_, whose order on CUDA changes from run to run.
        one_hot = F.one_hot(labels[labelled].long(), self.num_classes).to(self.prototypes.dtype)
        sums = one_hot.T @ embedding[labelled].to(self.prototypes.dtype)
        counts = one_hot.sum(dim=0, keepdim=True).T
        statistics = torch.cat([sums, counts], dim=1)
        all_reduce(statistics)  # One K x (D + 1) tensor gives every rank the prototypes of the joint batch.
        sums, counts = statistics[:, :-1], statistics[:, -1]

        # One embedding that overflows would otherwise stay in a prototype for good.
        present = (counts > 0) & sums.isfinite().all(dim=1)
        mean = sums / counts.clamp(min=1)[:, None]
        momentum = torch.where(self.seen, self.momentum, 0.0)[:, None]
        updated = momentum * self.prototypes + (1 - momentum) * mean
        self.prototypes.copy_(torch.where(present[:, None], updated, self.prototypes))
        self.seen |= present


def _check_shapes(features: Tensor, labels: Tensor) -> None:
    if features.dim() != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f'features {tuple(features.shape)} must be [N, C] and labels {tuple(labels.shape)} [N]')
