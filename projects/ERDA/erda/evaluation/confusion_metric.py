"""IoU and accuracy from one confusion matrix a scan; no mask is kept."""
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from ..weak_labels.label_propagation import weighted_by_prior

PROPAGATED = 'propagated_labels'


class SegmentationScores(NamedTuple):
    """What a confusion matrix says.

    Attributes:
        iou: ``[K]`` in 0 to 1; NaN for a class that neither occurs nor is predicted, and for an ignored one.
        accuracy: ``[K]``, share of the points of a class that are predicted as it, its recall; NaN where none occur.
        support: ``[K]`` int64, points of each class.
        miou: mean of ``iou`` over the classes that occur, so over the same ones whatever is predicted.
        overall_accuracy: share of all points that are right.
    """
    iou: np.ndarray
    accuracy: np.ndarray
    support: np.ndarray
    miou: float
    overall_accuracy: float


def confusion_matrix(predicted: np.ndarray, truth: np.ndarray, num_classes: int, ignore_index: int) -> np.ndarray:
    """``[K, K + 1]`` int64: points by true class and predicted class, predictions that are no class in the last column.

    Args:
        predicted: ``[N]`` integers.
        truth: ``[N]`` integers; points whose value is ``ignore_index`` or no class are left out.
        num_classes: K.
        ignore_index: label of void points, which may be one of the K.

    Raises:
        ValueError: if there are not as many predictions as labels.

    Examples:
        >>> confusion_matrix(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 2]), num_classes=2, ignore_index=2).tolist()
        [[1, 1, 0], [0, 1, 0]]
    """
    if len(predicted) != len(truth):
        raise ValueError(f'{len(predicted)} predictions, but {len(truth)} labels: they are not of the same points')
    truth, predicted = truth.astype(np.int64), predicted.astype(np.int64)
    seen = (truth >= 0) & (truth < num_classes) & (truth != ignore_index)
    if predicted.size and not 0 <= predicted.min() <= predicted.max() < num_classes:
        predicted = np.where((predicted >= 0) & (predicted < num_classes), predicted, num_classes)
    pairs = (truth * (num_classes + 1) + predicted)[seen]
    return np.bincount(pairs, minlength=num_classes * (num_classes + 1)).reshape(num_classes, num_classes + 1)


def segmentation_scores(confusion: np.ndarray, ignore_index: Optional[int] = None) -> SegmentationScores:
    """Scores of a ``[K, K + 1]`` matrix of :func:`confusion_matrix`; NaN where there is nothing to count.

    Examples:
        >>> scores = segmentation_scores(np.array([[1, 1, 0], [0, 1, 0]]))  # one of three points is wrong
        >>> scores.iou.tolist(), scores.miou, round(scores.overall_accuracy, 3)
        ([0.5, 0.5], 0.5, 0.667)
    """
    hits, support = np.diag(confusion), confusion.sum(axis=1)
    with np.errstate(invalid='ignore'):
        iou = hits / (support + confusion.sum(axis=0)[:-1] - hits)
        accuracy = hits / support
        overall_accuracy = hits.sum() / support.sum()
    if ignore_index is not None and ignore_index < len(iou):
        iou[ignore_index] = np.nan
    return SegmentationScores(iou, accuracy, support, _mean(iou[support > 0]), float(overall_accuracy))


def seg_metric_results(confusion: np.ndarray, label2cat: Dict[int, str], ignore_index: int) -> Dict[str, float]:
    """What mmdet3d's ``SegMetric`` gives: IoU by name of class, ``miou``, ``acc`` and ``acc_cls``.

    Its ``miou`` is the mean over the classes that occur or are predicted, ``acc_cls`` the mean accuracy of those that
    occur.
    """
    scores = segmentation_scores(confusion, ignore_index)
    results = {label2cat[label]: float(iou) for label, iou in enumerate(scores.iou)}
    known = [array[~np.isnan(array)] for array in (scores.iou, scores.accuracy)]
    return dict(results, miou=_mean(known[0]), acc=scores.overall_accuracy, acc_cls=_mean(known[1]))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float('nan')


def with_confusion_matrices(evaluator: Any) -> List[dict]:
    """The metrics of an evaluator's config, with :class:`ConfusionMatrixMetric` in the place of ``SegMetric``."""
    metrics = list(evaluator) if isinstance(evaluator, Sequence) else [evaluator]
    for i, metric in enumerate(metrics):
        if str(metric['type']).rpartition('.')[2] == 'SegMetric':
            settings = {key: metric[key] for key in ('collect_device', 'prefix') if key in metric}
            metrics[i] = dict(type='ConfusionMatrixMetric', **settings)
    return metrics


@METRICS.register_module()
class ConfusionMatrixMetric(BaseMetric):
    """The numbers of mmdet3d's ``SegMetric`` from K x (K + 1) counts a scan, where that keeps every mask of every scan.

    One number differs: ``miou`` is the mean over the classes that occur, as in the table of ``tools/test.py``.
    ``SegMetric`` counts a class that does not occur as 0 as soon as one point is predicted as it. The log says which
    classes are left out.

    Several processes give the numbers of one: mmengine collects the matrices in the order of the data and drops those
    of the scans that were repeated to give each process as many.

    A prediction that is none of the K classes, of a network with more outputs, is an error; ``SegMetric`` counts it for
    another class or fails.

    Args:
        collect_device: ``'cpu'`` or ``'gpu'``, how results are collected.
        prefix: put before the names of the results.
        collect_dir: shared folder to collect through on the CPU.
        prior_exponent: probabilities are multiplied by the propagated labels of the ground truth's record, a
            ``PropagatedLabels`` as :data:`PROPAGATED`, to this power; 0 leaves predictions as they are.

    Attributes:
        confusion: ``[K, K + 1]``, see :func:`confusion_matrix`, of the last evaluation; in the main process only.
    """

    def __init__(self,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None,
                 prior_exponent: float = 0.0) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.prior_exponent = prior_exponent
        self.confusion: Optional[np.ndarray] = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the points of a batch."""
        num_classes, ignore_index = len(self.dataset_meta['label2cat']), self.dataset_meta['ignore_index']
        for sample in data_samples:
            if self.prior_exponent > 0:
                predicted = self._weighted(sample).argmax(axis=1)
            else:
                predicted = sample['pred_pts_seg']['pts_semantic_mask']
            if isinstance(predicted, Tensor):
                predicted = predicted.cpu().numpy()
            truth = sample['eval_ann_info']['pts_semantic_mask']
            self.results.append(confusion_matrix(predicted, truth, num_classes, ignore_index))

    def _weighted(self, sample: dict) -> np.ndarray:
        """Probabilities ``[N, K]`` times the prior of propagated labels."""
        logits = sample['pts_seg_logits']['pts_seg_logits'][:len(self.dataset_meta['classes'])].float()
        return weighted_by_prior(logits.softmax(dim=0).T.cpu().numpy(), sample['eval_ann_info'][PROPAGATED],
                                 self.prior_exponent)

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """IoU by name of class, ``miou``, ``acc`` and ``acc_cls``."""
        label2cat, ignore_index = self.dataset_meta['label2cat'], self.dataset_meta['ignore_index']
        self.confusion = np.sum(results, axis=0)
        scores = segmentation_scores(self.confusion, ignore_index)
        absent = [label2cat[label] for label in np.flatnonzero(scores.support == 0) if label != ignore_index]
        if absent:
            print_log(f'miou is the mean over the {int((scores.support > 0).sum())} classes that occur in these scans, '
                      f'so without {", ".join(absent)}.', 'current')
        return dict(seg_metric_results(self.confusion, label2cat, ignore_index), miou=scores.miou)
