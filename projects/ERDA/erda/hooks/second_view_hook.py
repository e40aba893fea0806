import math
from typing import Any, List, Optional, Sequence, Tuple

import torch
from mmdet3d.datasets.transforms import RandomFlip3D
from mmdet3d.registry import HOOKS
from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from torch import Tensor

from ..config import ConfigError
from ..heads import ClassifierCall, classify_points, mean_call, turned_points


@HOOKS.register_module()
class SecondViewHook(EMAHook):
    """Pseudo-labels look at the batch from another side: an averaged copy of the segmentor sees it turned anew.

    Before each step the exponential moving average of the segmentor, in evaluation mode and without gradient, sees
    every scan of the batch under a rotation about z and a scale of its own. What enters or leaves its
    classifier at each point becomes the input of the head's pseudo-labeler, which takes the mean over the points of a
    voxel. With a :class:`erda.pseudo_labels.PredictionPseudoLabeler` this is a mean teacher.

    The rest is mmengine's ``EMAHook``: validation and checkpoints have the averaged weights, and a resumed run goes on
    with both. The statistics of normalisation layers are averaged as the weights are: those of the newest weights do
    not fit older ones.

    Args:
        momentum: weight of the newest weights in the average, in (0, 1).
        rotation: largest angle about z, radians; 0 with ``scale=(1, 1)`` is the same view.
        flip: mirror x and y, each with probability 1/2; ``None`` where the pipeline of the training set has a
            ``RandomFlip3D``, too: a segmentor that has never seen a mirrored street says little of use about one.
        scale: smallest and largest scale.
        num_views: how many such views it sees; features and probabilities are averaged over them.
        kwargs: arguments of ``EMAHook``; ``update_buffers=False`` takes the newest statistics instead.

    Raises:
        ValueError: if rotation or scale is out of range; before training, if the head has no pseudo-labeler.

    Source: Mean Teacher, https://arxiv.org/abs/1703.01780; that prototypes look at it is ours.
    """

    def __init__(self,
                 momentum: float = 0.01,
                 rotation: float = math.pi,
                 flip: Optional[bool] = None,
                 scale: Tuple[float, float] = (0.95, 1.05),
                 num_views: int = 1,
                 **kwargs) -> None:
        if rotation < 0 or not 0 < scale[0] <= scale[1]:
            raise ConfigError(f'rotation={rotation} must not be negative, and scale={scale} must be positive, the '
                              'smaller one first')
        if num_views < 1:
            raise ConfigError(f'num_views={num_views} must be at least 1')
        super().__init__(momentum=momentum, **{'update_buffers': True, **kwargs})
        self.rotation = rotation
        self.flip = flip
        self.scale = scale
        self.num_views = num_views

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if getattr(self.src_model.decode_head, 'pseudo_labeler', None) is None:
            raise ConfigError('SecondViewHook: the head has no pseudo_labeler that could look at the second view')
        if self.flip is None:
            self.flip = _flips(runner.train_dataloader.dataset)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
        calls = self.classify(**data_batch['inputs'])
        for sample, call in zip(data_batch['data_samples'], calls):
            sample.gt_pts_seg.second_view = getattr(call, self.src_model.decode_head.pseudo_labels_from)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        super().after_train_iter(runner, *args, **kwargs)
        # mmengine leaves what cannot be averaged as it was after the first step, such as which prototypes there are.
        for average, newest in zip(self.ema_model.module.buffers(), self.src_model.buffers()):
            if not average.is_floating_point():
                average.copy_(newest)

    def classify(self, points: Sequence[Tensor], **others: Any) -> List[ClassifierCall]:
        """What the averaged model makes of scans under views of its own, as a mean over them.

        Args:
            points: ``[N_i, C]`` per scan, x, y, z in metres first.
            others: what else ``inputs`` has; neighbours stay neighbours in every view.
        """
        views = [classify_points(self.ema_model.module, [self._turned(scan) for scan in points], **others)
                 for _ in range(self.num_views)]
        return [mean_call(calls) for calls in zip(*views)]

    def _turned(self, scan: Tensor) -> Tensor:
        # Drawn on the CPU, whose generator decides the run, whatever the device.
        angle = (2 * torch.rand(()).item() - 1) * self.rotation
        low, high = self.scale
        scale = low + (high - low) * torch.rand(()).item()
        x, y = (torch.randint(2, (2, )) * bool(self.flip)).tolist()
        return turned_points(scan, angle, (bool(x), bool(y)), scale)


def _flips(dataset: Any) -> bool:
    """Whether the pipeline of a dataset, or of what it wraps, mirrors scans."""
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    pipeline = getattr(dataset, 'pipeline', None)
    return any(isinstance(transform, RandomFlip3D) for transform in getattr(pipeline, 'transforms', ()))
