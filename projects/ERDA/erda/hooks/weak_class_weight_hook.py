import numpy as np
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..config import ConfigError
from ..evaluation.training_set import count_labels_per_class
from ..heads import ERDAHeadMixin
from ..weak_labels import WeakLabelDataset


def inverse_log_weights(labels_per_class: np.ndarray) -> np.ndarray:
    """``1 / ln(1.2 + share)`` of each class; a class without a label gets the mean of the others.

    Args:
        labels_per_class: ``[K]`` counts, not all of them zero.

    Returns: ``[K]`` float64, from 1.3 for a class that is alone to 5.5 for a rare one.

    Source: the formula of the class weights in mmdet3d's configs of S3DIS and ScanNet, after PointNet++; there the
        shares are those of all labels, which a weakly supervised run must not see.

    Examples:
        >>> inverse_log_weights(np.array([80, 20, 0])).round(2).tolist()  # 1 / ln 2 and 1 / ln 1.4
        [1.44, 2.97, 2.21]
    """
    weights = 1 / np.log(1.2 + labels_per_class / labels_per_class.sum())
    seen = labels_per_class > 0
    return np.where(seen, weights, weights[seen].mean())


@HOOKS.register_module()
class WeakClassWeightHook(Hook):
    """Counts the labels that training sees and sets the losses with ``class_weight='weak'`` before the first step.

    Counting reads every training scan once, unless the dataset has stored masks: their manifest has the counts.

    Raises:
        ValueError: before training, if no loss has ``class_weight='weak'``, the training set is not a
            ``WeakLabelDataset``, or nothing in it is labelled.
    """

    def before_train(self, runner: Runner) -> None:
        heads = [head for head in runner.model.modules() if isinstance(head, ERDAHeadMixin) and head.weighted_losses]
        if not heads:
            raise ConfigError("WeakClassWeightHook: no loss of the model has class_weight='weak'")
        dataset = runner.train_dataloader.dataset
        if not isinstance(dataset, WeakLabelDataset):
            raise ConfigError(f'WeakClassWeightHook: the training set is a {type(dataset).__name__}, not a '
                              'WeakLabelDataset')
        labels_per_class = count_labels_per_class(dataset)
        if not labels_per_class.any():
            raise ConfigError(f'WeakClassWeightHook: no point of the training set is labelled ({dataset.budget})')
        weights = inverse_log_weights(labels_per_class)
        for head in heads:
            head.set_class_weights(weights.tolist())
        names = dataset.metainfo['classes']
        runner.logger.info('Class weights from weak labels: '
                           + ', '.join(f'{name} {weight:.2f}' for name, weight in zip(names, weights)))
