"""The seam between ERDA and any mmdet3d segmentation head."""
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from mmdet3d.registry import MODELS
from torch import Tensor

from ..weak_labels import UNLABELED


class ClassifierCall(NamedTuple):
    """What went into and came out of ``conv_seg``, one row per point or voxel: ``[N, C]`` and ``[N, K]``."""
    features: Tensor
    seg_logits: Tensor


class ERDAHeadMixin:
    """Adds pseudo-labels and the ERDA loss to an mmdet3d segmentation head, which stays as it is.

    Put it in front of the head: ``class ERDAMyHead(ERDAHeadMixin, MyHead): ...``. While the head's own ``loss`` runs,
    the mixin keeps what enters and leaves ``conv_seg``; it hides the unlabelled points from the supervised loss and
    adds ``loss_erda`` over exactly those. The head's parameter names do not change; all extra state lives under
    ``pseudo_labeler``.

    Two habits of stock heads are corrected. A cross-entropy averages over the labelled points, also where a config
    forgets ``avg_non_ignore``. A logit for void (``ignore_index == num_classes - 1``, as in Cylinder3D) takes no part
    in ERDA.

    Args:
        pseudo_labeler: config of a module ``(features [N, C], labels [N]) -> pseudo_logits [N, K]``; ``in_channels``
            and ``num_classes`` default to the head's own.
        loss_erda: config of a module ``(pseudo_logits, seg_logits, mask) -> scalar``.

    Without both, the head trains on the labelled points alone: the sparse-only baseline.

    A loss of the head may have ``class_weight='weak'``: weights from the labels that training sees, which
    :class:`erda.hooks.WeakClassWeightHook` counts and sets before the first step.

    Raises:
        ValueError: if only one of the two is given, or if void is a class, but not the last.
    """

    def __init__(self,
                 *args: Any,
                 pseudo_labeler: Optional[dict] = None,
                 loss_erda: Optional[dict] = None,
                 **kwargs: Any) -> None:
        weighted = [name for name, cfg in kwargs.items() if isinstance(cfg, dict) and cfg.get('class_weight') == 'weak']
        super().__init__(*args, **{**kwargs, **{name: {**kwargs[name], 'class_weight': None} for name in weighted}})
        self.weighted_losses = weighted
        self.awaits_class_weights = bool(weighted)
        if (pseudo_labeler is None) != (loss_erda is None):
            raise ValueError(f'{type(self).__name__} needs both pseudo_labeler and loss_erda, or neither of them '
                             '(neither is the sparse-only baseline)')
        for loss in self.children():
            if hasattr(loss, 'avg_non_ignore'):
                loss.avg_non_ignore = True
        if 0 <= self.ignore_index < self.num_classes - 1:
            raise ValueError(f'{type(self).__name__}: ignore_index={self.ignore_index} is one of num_classes='
                             f'{self.num_classes} classes; map void to the last one or to {self.num_classes}')
        self.pseudo_labeler = self.loss_erda = None
        if pseudo_labeler is not None:
            defaults = dict(in_channels=self.channels, num_classes=self._num_real_classes)
            self.pseudo_labeler = MODELS.build({**defaults, **pseudo_labeler})
            self.loss_erda = MODELS.build(loss_erda)

    def loss(self, inputs: Any, batch_data_samples: list, *args: Any, **kwargs: Any) -> Dict[str, Tensor]:
        """The head's own losses on the labelled points, plus ``loss_erda`` on the unlabelled ones.

        Args:
            inputs: what the head takes.
            batch_data_samples: samples whose ``gt_pts_seg`` has ``voxel_semantic_mask`` or ``pts_semantic_mask`` with
                :data:`erda.weak_labels.UNLABELED` where a label is hidden; there it is set to the head's ignore index.

        Returns: the head's losses and, with a pseudo-labeler, ``loss_erda``.
        """
        if self.awaits_class_weights:
            raise RuntimeError(f"{type(self).__name__}: class_weight='weak' needs the labels counted before training; "
                               "add dict(type='WeakClassWeightHook') to custom_hooks in the config")
        labels = torch.cat([_labels(sample).reshape(-1) for sample in batch_data_samples])
        for sample in batch_data_samples:
            _ignore_unlabeled(sample, self.ignore_index)
        with self._recorded_classifier() as calls:
            losses = super().loss(inputs, batch_data_samples, *args, **kwargs)
        if self.pseudo_labeler is not None:
            call, = calls
            # Void must not even enter the projection's batch statistics.
            not_void = (labels != self.ignore_index).nonzero().squeeze(1)
            labels = labels[not_void]
            pseudo_logits = self.pseudo_labeler(call.features.index_select(0, not_void), labels)
            seg_logits = call.seg_logits.index_select(0, not_void)[:, :self._num_real_classes]
            losses['loss_erda'] = self.loss_erda(pseudo_logits, seg_logits, labels == UNLABELED)
        return losses

    def set_class_weights(self, weights: Sequence[float]) -> None:
        """Set the weights of the losses with ``class_weight='weak'``, one for each class of the dataset."""
        if len(weights) != self._num_real_classes:
            raise ValueError(f'{type(self).__name__} has {self._num_real_classes} classes, but the labels have '
                             f'{len(weights)}')
        # The logit of void is never a target, so its weight does not matter.
        padded = [*map(float, weights), *[1.0] * (self.num_classes - len(weights))]
        for name in self.weighted_losses:
            getattr(self, name).class_weight = padded
        self.awaits_class_weights = False

    @property
    def _num_real_classes(self) -> int:
        return self.num_classes - (self.ignore_index == self.num_classes - 1)

    @contextmanager
    def _recorded_classifier(self) -> Iterator[List[ClassifierCall]]:
        calls: List[ClassifierCall] = []

        def record(module, args, output):
            calls.append(ClassifierCall(_rows(args[0]), _rows(output)))

        handle = self.conv_seg.register_forward_hook(record)
        try:
            yield calls
        finally:
            handle.remove()


def _rows(x: Any) -> Tensor:
    """``[N, C]`` from rows, from a dense ``[B, C, N]`` or from a sparse tensor."""
    x = getattr(x, 'features', x)
    return x.transpose(1, 2).flatten(0, 1) if x.dim() == 3 else x


def _labels(sample: Any) -> Tensor:
    gt = sample.gt_pts_seg
    return gt.voxel_semantic_mask if 'voxel_semantic_mask' in gt else gt.pts_semantic_mask


def _ignore_unlabeled(sample: Any, ignore_index: int) -> None:
    gt = sample.gt_pts_seg
    for key in ('voxel_semantic_mask', 'pts_semantic_mask'):
        if key in gt:
            mask = gt[key]
            gt[key] = mask.masked_fill(mask == UNLABELED, ignore_index)
