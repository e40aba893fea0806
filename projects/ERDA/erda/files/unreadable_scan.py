"""What to say of a scan that cannot be read."""
import os.path as osp
from typing import Any, List, Sized
from zipfile import BadZipFile

from mmengine.dataset import Compose

from .data_error import DataError

READ_ERRORS = (OSError, EOFError, ValueError, IndexError, BadZipFile)


class NamedReading(Compose):
    """A pipeline that names the scan, with its files, on which it fails.

    For validation and test; :class:`erda.weak_labels.ReadScan` does it in trainings.

    Args:
        pipeline: of a data set of mmdet3d.

    Raises:
        DataError: for a scan that cannot be read, or has not as many labels as points.
    """

    def __init__(self, pipeline: Compose) -> None:
        super().__init__(pipeline.transforms)

    def __call__(self, data: dict) -> Any:
        path, files = data['lidar_path'], scan_files(data)
        ground_truth = data.get('eval_ann_info')  # an empty one is filled by the pipeline
        try:
            scan = super().__call__(data)
            if ground_truth and 'pts_semantic_mask' in ground_truth:
                inputs = scan['inputs']
                view = inputs[0] if isinstance(inputs, list) else inputs  # test time augmentation has several
                require_as_many(view['points'], ground_truth['pts_semantic_mask'])
        except DataError:
            raise
        except READ_ERRORS as error:
            raise DataError(f'{why_unreadable(path, files, error)} Restore it.') from error
        return scan


def require_as_many(points: Sized, labels: Sized) -> None:
    """Raises ValueError if a scan has not one label for each point."""
    if len(points) != len(labels):
        raise ValueError(f'{len(points)} points, but {len(labels)} labels')


def scan_files(results: dict) -> List[str]:
    """Files of the scan of an item: its points and, where it names them, its labels."""
    path = results['lidar_path']
    block = results.get('point_cloud')  # of a file in a PointCloudFolderDataset
    return [str(block.path) if block else path, *filter(None, [results.get('pts_semantic_mask_path')])]


def why_unreadable(path: str, files: List[str], error: Exception) -> str:
    """A sentence on the error, and the size of each file."""
    sizes = '; '.join(f'{file} has {osp.getsize(file):,} bytes' if osp.isfile(file) else f'{file} does not exist'
                      for file in files)
    return f'{path} cannot be read: {str(error).rstrip(".")}. {sizes}.'
