"""The seam between ERDA and any mmdet3d segmentation head."""
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..config import ConfigError
from ..files.data_error import DataError
from ..losses.points_per_rank import points_per_rank
from ..pseudo_labels import propagated_prior
from ..voxelization import mean_per_voxel
from ..weak_labels import UNLABELED
from .classified_points import ClassifierCall, recorded_classifier
from .point_selection import PointSelection

if TYPE_CHECKING:
    Head = nn.Module  # the next class in a mixed one
else:
    Head = object


class ERDAHeadMixin(Head):
    """Adds pseudo-labels and the ERDA loss to an mmdet3d segmentation head, which stays as it is.

    Put it in front of the head: ``class ERDAMyHead(ERDAHeadMixin, MyHead): ...``. While the head's own ``loss`` runs,
    the mixin keeps what enters and leaves ``conv_seg``; it hides the unlabelled points from the supervised loss and
    adds ``loss_erda`` over exactly those. The head's parameter names do not change; all extra state lives under
    ``pseudo_labeler``.

    Two habits of stock heads are corrected. A cross-entropy averages over the labelled points, also where a config
    forgets ``avg_non_ignore``, and over those of all processes, so that their gradients are those of one process on the
    joint batch; a Lovasz loss, which ranks points, stays that of each process. A logit for void (``ignore_index ==
    num_classes - 1``, as in Cylinder3D) takes no part in ERDA.

    Args:
        pseudo_labeler: config of a module ``(rows [N, C], labels [N]) -> pseudo_logits [N, K]``; ``in_channels``
            and ``num_classes`` default to the head's own. Its attribute ``source`` says what the rows are:
            ``'features'`` in front of the classifier, the default, or ``'seg_logits'`` behind it. They are those of
            the segmentor itself or, with a :class:`erda.hooks.SecondViewHook`, of its averaged copy.
        loss_erda: config of a module ``(pseudo_logits, seg_logits, mask) -> scalar``.
        selection: arguments of :class:`erda.heads.PointSelection`, the points that ``loss_erda`` covers;
            all unlabelled ones by default.
        labelled_weight: weight of a cross-entropy between the pseudo-labels and the labels of labelled points,
            ``loss_pseudo_label``; 0, as published, leaves the projection to ``loss_erda``.
        prior_exponent: beta, how much labels that were propagated along surfaces count in the pseudo-labels: these
            are multiplied by the prior to this power. 0 is not at all; otherwise the ``WeakLabelDataset`` needs
            ``propagation``.

    Without a pseudo-labeler the head trains on the labelled points alone: the sparse-only baseline.

    A loss of the head may have ``class_weight='weak'``: weights from the labels that training sees, which
    :class:`erda.hooks.WeakClassWeightHook` counts and sets before the first step.

    Raises:
        ValueError: if only one of ``pseudo_labeler`` and ``loss_erda`` is given, if void is a class, but not the last,
            or if ``prior_exponent`` is negative.
    """

    # What every head of mmdet3d has.
    num_classes: int
    ignore_index: int
    channels: int

    pseudo_labeler: Optional[nn.Module]
    loss_erda: Optional[nn.Module]

    def __init__(self,
                 *args: Any,
                 pseudo_labeler: Optional[dict] = None,
                 loss_erda: Optional[dict] = None,
                 selection: Optional[dict] = None,
                 labelled_weight: float = 0.0,
                 prior_exponent: float = 0.0,
                 **kwargs: Any) -> None:
        weighted = [name for name, cfg in kwargs.items() if isinstance(cfg, dict) and cfg.get('class_weight') == 'weak']
        super().__init__(*args, **{**kwargs, **{name: {**kwargs[name], 'class_weight': None} for name in weighted}})
        self.weighted_losses = weighted
        self.awaits_class_weights = bool(weighted)
        if (pseudo_labeler is None) != (loss_erda is None):
            raise ConfigError(f'{type(self).__name__} needs both pseudo_labeler and loss_erda, or neither of them '
                              '(neither is the sparse-only baseline)')
        loss: Any
        for loss in self.children():
            if hasattr(loss, 'avg_non_ignore'):
                loss.avg_non_ignore = True
                loss.register_forward_hook(_mean_over_ranks, with_kwargs=True)
        if 0 <= self.ignore_index < self.num_classes - 1:
            raise ConfigError(f'{type(self).__name__}: ignore_index={self.ignore_index} is one of num_classes='
                              f'{self.num_classes} classes; map void to the last one or to {self.num_classes}')
        if prior_exponent < 0:
            raise ConfigError(f'{type(self).__name__}: prior_exponent={prior_exponent} must not be negative')
        self.pseudo_labeler = self.loss_erda = None
        self.selection = PointSelection(**(selection or {}))
        self.labelled_weight = labelled_weight
        self.prior_exponent = prior_exponent
        if pseudo_labeler is not None:
            defaults = dict(in_channels=self.channels, num_classes=self.num_real_classes)
            self.pseudo_labeler = MODELS.build({**defaults, **pseudo_labeler})
            self.loss_erda = MODELS.build(loss_erda)

    def cls_seg(self, feat: Any) -> Any:
        """The head's own logits, in single precision where features are in bfloat16: it has eight binary digits."""
        if isinstance(feat, Tensor) and feat.dtype is torch.bfloat16:
            with torch.autocast(feat.device.type, enabled=False):
                return super().cls_seg(feat.float())  # type: ignore[misc]  # the head's
        return super().cls_seg(feat)  # type: ignore[misc]

    def loss(self, inputs: Any, batch_data_samples: list, *args: Any, **kwargs: Any) -> Dict[str, Tensor]:
        """The head's own losses on the labelled points, plus ``loss_erda`` on the unlabelled ones.

        Args:
            inputs: what the head takes.
            batch_data_samples: samples whose ``gt_pts_seg`` has ``voxel_semantic_mask`` or ``pts_semantic_mask`` with
                :data:`erda.weak_labels.UNLABELED` where a label is hidden; there it is set to the head's ignore index.
                ``gt_pts_seg.second_view`` ``[N_i, C]``, one row for each point, replaces the rows of this call.

        Returns: the head's losses and, with a pseudo-labeler, ``loss_erda`` and perhaps ``loss_pseudo_label``.
        """
        if self.awaits_class_weights:
            raise RuntimeError(f"{type(self).__name__}: class_weight='weak' needs the labels counted before training; "
                               "add dict(type='WeakClassWeightHook') to custom_hooks in the config")
        labels_of_scans = [_labels(sample).reshape(-1) for sample in batch_data_samples]
        for sample in batch_data_samples:
            _ignore_unlabeled(sample, self.ignore_index)
        with recorded_classifier(self) as calls:
            losses = super().loss(inputs, batch_data_samples, *args, **kwargs)  # type: ignore[misc]  # the head's
        if self.pseudo_labeler is None or self.loss_erda is None:
            return losses
        call, = calls
        # On a CPU bfloat16 is for convolutions: the losses are in single precision.
        with torch.autocast('cpu', enabled=False):
            losses.update(self._further_losses(call, batch_data_samples, labels_of_scans))
        return losses

    def _further_losses(self, call: ClassifierCall, batch_data_samples: list,
                        labels_of_scans: List[Tensor]) -> Dict[str, Tensor]:
        """``loss_erda`` and perhaps ``loss_pseudo_label``."""
        assert self.pseudo_labeler is not None and self.loss_erda is not None
        losses = {}
        call = ClassifierCall(call.features, call.seg_logits[:, :self.num_real_classes])
        if 'second_view' in batch_data_samples[0].gt_pts_seg:
            rows = torch.cat([_of_rows(sample, sample.gt_pts_seg.second_view) for sample in batch_data_samples])
        else:
            rows = getattr(call, self.pseudo_labels_from)
        labels = torch.cat(labels_of_scans)
        scans = torch.cat([labels.new_full(x.shape, i) for i, x in enumerate(labels_of_scans)])
        # Void must not even enter the projection's batch statistics.
        not_void = (labels != self.ignore_index).nonzero().squeeze(1)
        seg_logits = call.seg_logits
        if len(not_void) < len(labels):
            labels, scans = labels[not_void], scans[not_void]
            rows, seg_logits = (x.index_select(0, not_void) for x in (rows, seg_logits))
        chunked = self.training and getattr(self.loss_erda, 'takes_chunked_logits', False)
        label = getattr(self.pseudo_labeler, 'in_chunks', self.pseudo_labeler) if chunked else self.pseudo_labeler
        pseudo_logits = label(rows, labels)
        if self.prior_exponent > 0:
            prior = torch.cat([self._prior(sample) for sample in batch_data_samples])
            pseudo_logits = pseudo_logits + prior.index_select(0, not_void)
        mask = self.selection(pseudo_logits, labels, scans)
        losses['loss_erda'] = self.loss_erda(pseudo_logits, seg_logits, mask)
        if self.labelled_weight > 0:
            labelled = (labels != UNLABELED).nonzero().squeeze(1)
            cross_entropy = F.cross_entropy(pseudo_logits[labelled], labels[labelled].long(), reduction='sum')
            count = points_per_rank(cross_entropy.new_tensor(len(labelled)))
            losses['loss_pseudo_label'] = self.labelled_weight * cross_entropy / count
        return losses

    def _prior(self, sample: Any) -> Tensor:
        """What propagated labels add to the pseudo-logits of the points, or as a mean of the voxels, of a sample."""
        gt = sample.gt_pts_seg
        if 'propagated_label' not in gt:
            raise ConfigError(f'{type(self).__name__}: prior_exponent={self.prior_exponent} needs propagated labels; '
                              'add propagation=dict() to the WeakLabelDataset in the config')
        return _of_rows(sample, self.weighted_prior(gt.propagated_label, gt.propagated_confidence))

    def weighted_prior(self, label: Tensor, confidence: Tensor) -> Tensor:
        """What propagated labels ``[N]`` with a confidence ``[N]`` add to the pseudo-logits, ``[N, K]``."""
        return self.prior_exponent * propagated_prior(label, confidence, self.num_real_classes)

    @property
    def pseudo_labels_from(self) -> str:
        """Side of the classifier that the pseudo-labeler looks at, ``'features'`` or ``'seg_logits'``."""
        return getattr(self.pseudo_labeler, 'source', 'features')

    @property
    def num_real_classes(self) -> int:
        """K, without a logit for void."""
        return self.num_classes - (self.ignore_index == self.num_classes - 1)

    def set_class_weights(self, weights: Sequence[float]) -> None:
        """Set the weights of the losses with ``class_weight='weak'``, one for each class of the dataset."""
        if len(weights) != self.num_real_classes:
            raise DataError(f'{type(self).__name__} has {self.num_real_classes} classes, but the labels have '
                            f'{len(weights)}')
        # The logit of void is never a target, so its weight does not matter.
        padded = [*map(float, weights), *[1.0] * (self.num_classes - len(weights))]
        for name in self.weighted_losses:
            getattr(self, name).class_weight = padded
        self.awaits_class_weights = False


def _mean_over_ranks(loss: nn.Module, args: tuple, kwargs: dict, value: Tensor) -> Tensor:
    """Turns a mean over the labelled points of this rank into its share of the mean over those of all ranks."""
    count = (args[1] != kwargs['ignore_index']).sum()
    return value * (count / points_per_rank(count))  # by exactly 1 in one process


def _labels(sample: Any) -> Tensor:
    gt = sample.gt_pts_seg
    return gt.voxel_semantic_mask if 'voxel_semantic_mask' in gt else gt.pts_semantic_mask


def _ignore_unlabeled(sample: Any, ignore_index: int) -> None:
    gt = sample.gt_pts_seg
    for key in ('voxel_semantic_mask', 'pts_semantic_mask'):
        if key in gt:
            mask = gt[key]
            gt[key] = mask.masked_fill(mask == UNLABELED, ignore_index)


def _of_rows(sample: Any, values: Tensor) -> Tensor:
    """Values ``[N, C]`` of points as they are, or as means for the voxels, of a sample."""
    gt = sample.gt_pts_seg
    if 'voxel_semantic_mask' in gt:
        return mean_per_voxel(values, sample.point2voxel_map, len(gt.voxel_semantic_mask))
    return values
