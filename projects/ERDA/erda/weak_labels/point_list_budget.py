import pickle
from pathlib import Path
from typing import Any, Dict, List
from zipfile import BadZipFile

import numpy as np
import torch

from ..files.data_error import DataError
from .budgets import BUDGETS, UNLABELED, Budget, Scan, is_class

# Rebuilds an array; files carry the name of the NumPy that wrote them.
_REBUILD_ARRAY = np.empty(0).__reduce__()[0]
_ARRAY_CLASSES: List[Any] = [
    np.ndarray, np.dtype, *((_REBUILD_ARRAY, f'numpy.{core}.multiarray._reconstruct') for core in ('core', '_core')),
    *(type(np.dtype(name)) for name in ('int32', 'uint32', 'int64'))
]


@BUDGETS.register_module()
class PointListBudget(Budget):
    """The points that a file lists for each scan, counted on raw points: ScanNet's "limited annotations" (LA).

    The benchmark gives 20, 50, 100 or 200 vertices of each scene's mesh ``*_vh_clean_2.ply``, which are the points of
    mmdet3d's ScanNet files in the same order.

    Args:
        file: a dictionary from the scan's file name without its ending, such as ``scene0000_00``, to numbers of its
            points: a ``.npz``, or what ``torch.save`` wrote, which is read without running any code inside it.

    Raises:
        ValueError: if the file is missing, holds something else, lacks a scan, or lists a point that its scan lacks.

    Source: the ScanNet data-efficient benchmark, in the format that its code reads,
        https://github.com/facebookresearch/ContrastiveSceneContexts
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.points = _read_point_lists(self.file)

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        scene = Path(scan.path).stem
        if scene not in self.points:
            raise DataError(f'{self.file} lists no points of {scene}. It must have every scan of the training set.')
        points = self.points[scene]
        if len(points) and not 0 <= points.min() <= points.max() < len(labels):
            wrong = points[(points < 0) | (points >= len(labels))][0]
            raise DataError(f'{self.file} lists point {wrong} of {scene}, which has {len(labels)} points. They do not '
                            'belong together.')
        seen = ~is_class(labels, num_classes)
        seen[points] = True
        return np.where(seen, labels, UNLABELED)

    def __str__(self) -> str:
        return f'points of {self.file.name}'


def _read_point_lists(path: Path) -> Dict[str, np.ndarray]:
    if path.suffix != '.npz' and torch.__version__ < '2.5':  # can allow-list nothing
        raise DataError(f'{path}: reading a file of torch.save safely needs torch 2.5 or later; with '
                        f'{torch.__version__} save the same arrays with numpy.savez.')
    try:
        if path.suffix == '.npz':
            with np.load(path) as arrays:
                lists = dict(arrays)
        else:
            # The context would take away at its end what was allowed before it.
            allowed = torch.serialization.get_safe_globals()
            with torch.serialization.safe_globals([each for each in _ARRAY_CLASSES if each not in allowed]):
                lists = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist: PointListBudget needs the file of point lists. Download it, or name '
                        'it with budget=dict(file=...).') from error
    except (pickle.UnpicklingError, BadZipFile, RuntimeError, ValueError, EOFError, OSError) as error:
        raise DataError(f'{path} is not a file of point lists, neither a .npz nor a dictionary of arrays from '
                        'torch.save.') from error
    if not isinstance(lists, dict):
        raise DataError(f'{path} holds a {type(lists).__name__}, not a dictionary from scenes to their points.')
    return {str(scene): _indices(path, scene, points) for scene, points in lists.items()}


def _indices(path: Path, scene: str, points: object) -> np.ndarray:
    indices = np.asarray(points)
    if indices.ndim != 1 or (indices.dtype.kind not in 'iu' and indices.size):
        raise DataError(f'{path}: the points of {scene} are {indices.dtype} of shape {indices.shape}, not a list of '
                        'point numbers.')
    return indices.astype(np.int64)
