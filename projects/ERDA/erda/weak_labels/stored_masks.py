"""Masks of labelled points that were drawn once and are read back: ``masks.bin`` beside ``manifest.json``."""
import json
from pathlib import Path
from typing import Dict, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from ..files.data_error import DataError
from ..files.digest import sha256
from .budgets import UNLABELED, Budget, Scan, is_class

MANIFEST, MASKS = 'manifest.json', 'masks.bin'
REQUIRED = {'budget', 'name', 'seed', 'classes', 'labels_per_class', 'sha256', 'scans'}


class StoredMask(NamedTuple):
    """Where a scan's mask is in the file: numbers of its labelled points, or a bit for each point, what is smaller.

    Attributes:
        offset: its first byte.
        points: N, the number of points of the scan.
        labels: the number of labelled ones.
    """
    offset: int
    points: int
    labels: int

    @property
    def has_indices(self) -> bool:
        """Whether it is ascending little-endian uint32; else bits, the first point in the highest one."""
        return 4 * self.labels < self._bytes_of_bits

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + (4 * self.labels if self.has_indices else self._bytes_of_bits)

    @property
    def _bytes_of_bits(self) -> int:
        return -(-self.points // 8)


def encode_mask(mask: np.ndarray) -> bytes:
    """What the file holds for a ``[N]`` bool mask."""
    labelled = np.flatnonzero(mask)
    if StoredMask(0, len(mask), len(labelled)).has_indices:
        return labelled.astype('<u4').tobytes()
    return np.packbits(mask).tobytes()


class StoredMasks(Budget):
    """The labels that :func:`erda.weak_labels.write_masks` has drawn before; the classes are those of the dataset.

    A scan's mask is read when it is asked for: memory holds three numbers a scan, and nothing stays open.

    Args:
        folder: holds ``masks.bin`` and ``manifest.json``.

    Attributes:
        manifest: all of it except the scans.
        masks: where each scan's mask is.
        labels_per_class: ``[K]`` int64, on raw points.

    Raises:
        ValueError: if a file is missing or damaged.
    """

    def __init__(self, folder: Union[str, Path]) -> None:
        self.path = Path(folder) / MASKS
        self.manifest_path = Path(folder) / MANIFEST
        self.manifest = _read_manifest(self.manifest_path)
        self.voxel_size = (self.manifest['budget'].get('base') or {}).get('voxel_size')
        self.labels_per_class = np.array(list(self.manifest['labels_per_class'].values()), dtype=np.int64)
        self.masks = index_masks(self.manifest.pop('scans'))
        if not self.path.is_file():
            raise DataError(f'{self.path} does not exist, but {self.manifest_path} does. Write the masks again.')
        if sha256(self.path) != self.manifest['sha256']:
            raise DataError(f'{self.path} is not the file that {self.manifest_path} was written for: its sha256 '
                            'differs. Write the masks again.')

    def check(self,
              scans: Mapping[str, Optional[int]],
              classes: Sequence[str],
              seed: int,
              budget: Optional[dict] = None) -> None:
        """Compare with what a training run expects.

        Args:
            scans: number of points by name, see :func:`erda.weak_labels.scan_name`; ``None`` where only reading tells.
            classes: K names.
            seed: label seed.
            budget: config of the budget; any if ``None``.

        Raises:
            ValueError: if something differs, or a scan is missing or has other points; scans that are not asked for do
                not matter.
        """
        for what, expected in (('budget', budget), ('seed', seed), ('classes', list(classes))):
            stored = self.manifest[what]
            if expected is not None and stored != expected:
                raise DataError(f'{self.manifest_path} has {what}={stored}, but this config has {what}={expected}. '
                                'Change the config, or write masks for it to another folder.')
        missing = [scan for scan in scans if scan not in self.masks]
        if missing:
            raise DataError(f'{self.manifest_path} lacks {len(missing)} scans of the dataset, the first is '
                            f'{missing[0]}. Write masks for this dataset to another folder.')
        for scan, points in scans.items():
            if points is not None:
                self.check_points(scan, points)

    def check_points(self, scan: str, points: int) -> None:
        """Raise a ValueError unless the mask of the scan of this name is for so many points."""
        if (stored := self.masks[scan].points) != points:
            raise DataError(f'{self.manifest_path}: the mask of {scan} is for {stored} points, but the scan has '
                            f'{points}. They do not belong together.')

    def read(self, scan: str) -> np.ndarray:
        """``[N]`` bool, true for the labelled points of the scan of this name."""
        mask = self.masks[scan]
        if mask.has_indices:
            labelled = np.zeros(mask.points, dtype=bool)
            labelled[np.fromfile(self.path, '<u4', mask.labels, offset=mask.offset)] = True
            return labelled
        bits = np.fromfile(self.path, np.uint8, mask.end - mask.offset, offset=mask.offset)
        return np.unpackbits(bits, count=mask.points).view(bool)

    def weaken(self, labels: np.ndarray, num_classes: int, scan: Scan) -> np.ndarray:
        if scan.name not in self.masks:
            raise DataError(f'{self.manifest_path} has no mask of {scan.path}.')
        self.check_points(scan.name, len(labels))
        return np.where(self.read(scan.name) | ~is_class(labels, num_classes), labels, UNLABELED)

    def __str__(self) -> str:
        return self.manifest['name']


def index_masks(scans: Dict[str, dict]) -> Dict[str, StoredMask]:
    """Where the mask of each scan is, from its record: masks follow each other in the order of the records."""
    masks, offset = {}, 0
    for scan, record in scans.items():
        masks[scan] = StoredMask(offset, record['points'], sum(record['labels']))
        offset = masks[scan].end
    return masks


def _read_manifest(path: Path) -> dict:
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist. Write the masks: python tools/make_weak_labels.py CONFIG -o '
                        f'{path.parent}') from error
    except json.JSONDecodeError as error:
        raise DataError(f'{path} is damaged: {error}. Write the masks again.') from error
    if missing := REQUIRED - set(manifest):
        raise DataError(f'{path} is damaged: it lacks {", ".join(sorted(missing))}. Write the masks again.')
    return manifest
