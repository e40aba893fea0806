from pathlib import Path

import numpy as np

from ..files.data_error import DataError
from .budgets import BUDGETS, UNLABELED, Budget, Scan, is_class


@BUDGETS.register_module()
class ScribbleBudget(Budget):
    """The labels of a scribble file beside each scan: ``sequences/00/scribbles/000000.label`` for ``velodyne``.

    A point's class is what the scribble says, which a person drew and which may differ from the full label.

    Args:
        folder: name of the folder that holds the scribbles, next to the folder of the points.

    Source: ScribbleKITTI's layout, uint32 raw ids of SemanticKITTI with 0 where nothing is drawn,
        https://arxiv.org/abs/2203.08537
    """
    storable = False

    def __init__(self, folder: str = 'scribbles') -> None:
        self.folder = folder

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        points = Path(scan.path)
        path = points.parents[1] / self.folder / f'{points.stem}.label'
        if not path.is_file():
            raise DataError(f'{path} does not exist: ScribbleBudget needs a scribble file for every scan. Unpack the '
                            f'scribbles beside {points.parent}, or name their folder with budget=dict(folder=...).')
        raw_ids = np.fromfile(path, dtype=np.uint32) & 0xFFFF
        if len(raw_ids) != len(labels):
            raise DataError(f'{path} has {len(raw_ids)} labels, but {points} has {len(labels)} points. They do not '
                            'belong together.')
        assert scan.label_mapping is not None  # the data set gives it
        if len(raw_ids) and raw_ids.max() >= len(scan.label_mapping):
            raise DataError(f'{path}: label id {raw_ids.max()} is not one of the dataset. Map it to its ids first.')
        hidden = np.where(is_class(labels, num_classes), UNLABELED, labels)
        return np.where(raw_ids == 0, hidden, scan.label_mapping[raw_ids])

    def __str__(self) -> str:
        return self.folder
