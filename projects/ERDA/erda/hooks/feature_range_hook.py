from typing import Dict

from mmdet3d.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..clouds.feature_ranges import META_KEY, as_plain
from ..evaluation.dataset_ranges import dataset_ranges


@HOOKS.register_module()
class FeatureRangeHook(Hook):
    """Stores minimum, percentiles and maximum of each feature of the training in the ``meta`` of checkpoints.

    ``tools/infer.py`` and ``tools/test.py`` say which files are far from them. A sample of the training scans is loaded
    once, before the first step, without a random number: a training ends the same with this hook and without.
    """

    def __init__(self) -> None:
        self._ranges: Dict[str, Dict[str, float]] = {}

    @master_only
    def before_train(self, runner: Runner) -> None:
        self._ranges = as_plain(dataset_ranges(runner.train_dataloader.dataset))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta'][META_KEY] = self._ranges
