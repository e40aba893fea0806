from collections import Counter

from mmdet3d.datasets import Seg3DDataset
from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..files.unreadable_scan import NamedReading

KEY = 'unreadable_scans'


@HOOKS.register_module()
class UnreadableScanHook(Hook):
    """Says which scans could not be read and how often, where ``WeakLabelDataset(on_unreadable='skip')`` goes on.

    Worker processes send it with the batch. Each scan is named in the log when it first fails, with the reason, and
    counted at the end; the counts are stored with checkpoints. Other ranks than the first one are heard at the end.

    Raises:
        DataError: for a scan of the validation that cannot be read; it names the scan.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
        for sample in data_batch['data_samples']:
            for scan, reason in sample.metainfo.get(KEY, []):
                counts = Counter(runner.message_hub.runtime_info.get(KEY, {}))
                if scan not in counts:
                    runner.logger.warning(f'{reason} Another scan takes its place.')
                counts[scan] += 1
                runner.message_hub.update_info(KEY, dict(counts))

    def before_val(self, runner: Runner) -> None:
        dataset = runner.val_dataloader.dataset
        if isinstance(dataset, Seg3DDataset) and not isinstance(dataset.pipeline, NamedReading):
            dataset.pipeline = NamedReading(dataset.pipeline)

    def after_train(self, runner: Runner) -> None:
        of_ranks = all_gather_object(runner.message_hub.runtime_info.get(KEY, {}))
        counts: Counter[str] = sum(map(Counter, of_ranks), Counter())
        if counts:
            scans = ', '.join(f'{scan} ({count} times)' for scan, count in sorted(counts.items()))
            runner.logger.warning(f'{len(counts)} scans could not be read, {counts.total()} times in all, and others '
                                  f'took their place: {scans}')
