from typing import List, NamedTuple, Tuple

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmengine.dataset import BaseDataset, Compose

from ..files.data_error import DataError
from ..files.unreadable_scan import READ_ERRORS, require_as_many, scan_files, why_unreadable

ON_UNREADABLE = ('stop', 'skip')


class ReadReport(NamedTuple):
    """What was read for one item of a dataset, which may be a mix of several scans.

    Attributes:
        scans: paths in the order in which they were read.
        unreadable: path and reason of those that could not be.
    """
    scans: List[str]
    unreadable: List[Tuple[str, str]]


@TRANSFORMS.register_module()
class ReadScan(BaseTransform):
    """Reads a scan and its weak labels; names it, with its files, where that fails.

    :class:`WeakLabelDataset` puts it in the place of the transforms that read, in the pipeline and inside every mix.

    Args:
        transforms: configs of those transforms.
        dataset: the wrapped dataset.
        on_unreadable: ``'stop'``, or ``'skip'``: the next scan of the dataset that can be read takes its place, the
            same whatever the workers and the random numbers.
        report: gets what was read.

    Raises:
        DataError: for a scan that cannot be read, as configured, or if none can be.
    """

    def __init__(self, transforms: List[dict], dataset: BaseDataset, on_unreadable: str, report: ReadReport) -> None:
        self.read = Compose(transforms)
        self.dataset = dataset
        self.on_unreadable = on_unreadable
        self.report = report

    def transform(self, results: dict) -> dict:
        first = results.get('sample_idx', 0)
        kept = {key: results[key] for key in ('dataset', ) if key in results}
        tried = set()
        for offset in range(len(self.dataset)):
            if offset > 0:
                results = {**self.dataset.get_data_info((first + offset) % len(self.dataset)), **kept}
            path = results['lidar_path']
            if path in tried:  # an index of rooms lists large ones several times
                continue
            tried.add(path)
            files = scan_files(results)
            try:
                scan = self._checked(self.read(results))
            except READ_ERRORS as error:
                reason = why_unreadable(path, files, error)
                if self.on_unreadable == 'stop':
                    raise DataError(f'{reason} Restore it, or let other scans take the place of such ones: '
                                    '--cfg-options train_dataloader.dataset.on_unreadable=skip') from error
                self.report.unreadable.append((path, reason))
            else:
                self.report.scans.append(path)
                return scan
        raise DataError(f'None of the {len(tried)} scans of the training set can be read any more. {reason}')

    @staticmethod
    def _checked(results: dict) -> dict:
        if results is None:
            raise ValueError('reading gave nothing')
        if 'points' in results:
            require_as_many(results['points'], results['pts_semantic_mask'])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.read}, on_unreadable={self.on_unreadable!r})'


def scans_of_batch(data_batch: dict) -> List[str]:
    """Paths of all scans that went into a batch, those mixed into others included."""
    return [path for sample in data_batch['data_samples']
            for path in sample.metainfo.get('scans', [sample.metainfo.get('lidar_path', 'unknown')])]
