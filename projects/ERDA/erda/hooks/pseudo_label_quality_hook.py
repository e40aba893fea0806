import math
import random
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from ..config import ConfigError
from ..evaluation.prediction_quality import class_ious, prediction_quality, quality_gap
from ..heads import classify_points
from ..heads.classified_points import evaluation_mode
from ..weak_labels import UNLABELED, WeakLabelDataset
from ..weak_labels.unlabelled_codes import decoded
from .second_view_hook import SecondViewHook


class _Scan(NamedTuple):
    points: Tensor
    hidden: Tensor  # [N] bool
    classes: Tensor  # [N]
    propagated: Tensor  # [N]
    confidence: Tensor  # [N]


@HOOKS.register_module()
class PseudoLabelQualityHook(Hook):
    """Reports how good pseudo-labels and predictions are where labels are hidden.

    The same few training scans, augmented as in training, are looked at again and again, without gradient and in
    evaluation mode. Accuracy, mIoU over the classes that occur there, mean entropy in nats and expected calibration
    error of both sides go to the log and the visualizer (and so to TensorBoard, where that is configured) as
    ``pseudo_label/accuracy``, ``prediction/ece`` and so on. ``gap/accuracy`` and ``gap/miou`` are pseudo-labels minus
    predictions on the points that ``loss_erda`` covers, the share ``gap/covered`` of the hidden ones, by the head's
    ``selection`` of points, also where training selects voxels: a gap near 0 teaches nothing. The IoU of each class
    that occurs, such as ``pseudo_label/iou/car``, goes to the visualizer alone. In a training, hidden labels are read
    here and nowhere else: from copies of the scans that never enter a step, and random numbers are given back, so a
    training with this hook and one without end with the same weights. Where no label is hidden, as with full
    supervision, there is no report, and the log says so.

    Args:
        interval: steps between two reports.
        num_scans: scans to look at.
        seed: picks the scans and their augmentation.

    Raises:
        ValueError: before training, if the training set is not a ``WeakLabelDataset``.
    """

    priority = 'VERY_LOW'  # behind the update of an averaged model

    def __init__(self, interval: int = 200, num_scans: int = 8, seed: int = 0) -> None:
        self.interval = interval
        self.num_scans = num_scans
        self.seed = seed
        self._scans: List[_Scan] = []

    @master_only
    def before_train(self, runner: Runner) -> None:
        dataset = runner.train_dataloader.dataset
        if not isinstance(dataset, WeakLabelDataset):
            raise ConfigError(f'PseudoLabelQualityHook: the training set is a {type(dataset).__name__}, not a '
                              'WeakLabelDataset')
        dataset.full_init()
        with _random_numbers_of(self.seed):
            marked = dataset.for_reports()
            chosen = np.random.permutation(len(marked))[:self.num_scans].tolist()
            for item in (marked[idx] for idx in chosen):
                told = decoded(item['data_samples'].gt_pts_seg.pts_semantic_mask)
                self._scans.append(_Scan(item['inputs']['points'], told.hidden >= 0, told.hidden, told.propagated,
                                         told.confidence))
        if not any(scan.hidden.any() for scan in self._scans):
            self._scans = []
            runner.logger.info(f'No report on hidden labels: the training set ({dataset.budget}) hides none.')

    @master_only
    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Any = None) -> None:
        if self._scans and self.every_n_train_iters(runner, self.interval):
            values = self.measure(runner)
            runner.visualizer.add_scalars(values, step=runner.iter + 1)
            runner.logger.info(f'Hidden labels, Iter [{runner.iter + 1}]  '
                               + '  '.join(f'{key}: {value:.4f}' for key, value in values.items()
                                           if '/iou/' not in key))

    @torch.no_grad()
    def measure(self, runner: Runner) -> Dict[str, float]:
        """Values of both sides as they are logged; of the prediction alone, if the head has no pseudo-labeler."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        head = model.decode_head
        view = next((hook for hook in runner.hooks if isinstance(hook, SecondViewHook)), None)
        logits: Dict[str, List[Tensor]] = dict(prediction=[])
        with _random_numbers_of(self.seed), evaluation_mode(model):
            for scan in self._scans:
                call, = classify_points(model, [scan.points])
                logits['prediction'].append(call.seg_logits[scan.hidden])
                if head.pseudo_labeler is not None:
                    seen = call if view is None else view.classify([scan.points])[0]
                    rows = getattr(seen, head.pseudo_labels_from)[scan.hidden]
                    unlabelled = torch.full((len(rows), ), UNLABELED, device=rows.device)
                    pseudo_logits = head.pseudo_labeler(rows, unlabelled)
                    if head.prior_exponent > 0:
                        prior = head.weighted_prior(scan.propagated, scan.confidence)
                        pseudo_logits = pseudo_logits + prior[scan.hidden].to(pseudo_logits)
                    logits.setdefault('pseudo_label', []).append(pseudo_logits)
        classes = torch.cat([scan.classes[scan.hidden] for scan in self._scans])
        scans = torch.cat([torch.full((int(scan.hidden.sum()), ), i) for i, scan in enumerate(self._scans)])
        names = runner.train_dataloader.dataset.metainfo['classes']
        sides = {side: torch.cat(parts).cpu() for side, parts in logits.items()}
        values = {}
        for side, rows in sides.items():
            values.update(_named(side, prediction_quality(rows, classes)._asdict()))
            values.update({f'{side}/iou/{names[label]}': iou for label, iou in class_ious(rows, classes).items()})
        if 'pseudo_label' in sides:
            p, q = sides['pseudo_label'], sides['prediction']
            covered = head.selection(p, torch.full_like(classes, UNLABELED), scans)
            values.update(_named('gap', quality_gap(p, q, classes, covered)._asdict()))
        return {key: value for key, value in values.items() if not math.isnan(value)}


def _named(prefix: str, values: Dict[str, float]) -> Dict[str, float]:
    return {f'{prefix}/{name}': value for name, value in values.items()}


@contextmanager
def _random_numbers_of(seed: int) -> Iterator[None]:
    """Random numbers of a seed inside the context; afterwards those that would have come without it."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
