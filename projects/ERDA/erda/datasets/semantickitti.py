"""Info files for data in SemanticKITTI's layout, written only after every scan has been checked."""
import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

import mmengine
import numpy as np

from ..files.data_error import DataError
from ..files.generated_files import claim_folder
from ..files.progress import track
from ..files.whole_file import write_whole

# Raw ids of semantic-kitti.yaml. mmdet3d's SemanticKittiDataset reads any other id as class 0, "car".
RAW_LABEL_IDS = (0, 1, 10, 11, 13, 15, 16, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 52, 60, 70, 71, 72, 80, 81, 99,
                 252, 253, 254, 255, 256, 257, 258, 259)
BYTES_PER_POINT = 16  # float32 x, y, z in metres, remission
VAL_SEQUENCE = '08'
CROP = 'crop.json'  # remembers what a folder of cropped scans was made with


class Scan(NamedTuple):
    """One scan and its labels, as paths relative to the data root; no labels for a test scan."""
    velodyne: str
    label: Optional[str]


def prepare_semantickitti(root: Path, val: Sequence[str] = (VAL_SEQUENCE, )) -> Dict[str, int]:
    """Check every scan under ``root/sequences`` and write ``semantickitti_infos_{train,val,trainval,test}.pkl``.

    Labelled sequences outside ``val`` are for training; sequences without a ``labels`` folder are the test split.
    Nothing is written unless all scans pass, and a file appears under its name only when complete.

    Args:
        root: folder that holds ``sequences/SS/velodyne/NNNNNN.bin`` and ``sequences/SS/labels/NNNNNN.label``.
        val: names of the validation sequences.

    Returns: number of scans per split.

    Raises:
        DataError: for a missing folder, sequence or label file, or a scan that :func:`check_scan` refuses.
    """
    splits = _splits(root, val)
    scans = [scan for split in ('train', 'val', 'test') for scan in splits[split]]
    for scan in track(scans, description=f'Checking {len(scans)} scans'):
        check_scan(root, scan)
    for split, content in splits.items():
        _write_infos(root / f'semantickitti_infos_{split}.pkl', content)
    return {split: len(content) for split, content in splits.items()}


def write_folds(root: Path, folds: Sequence[Sequence[str]]) -> None:
    """Write ``semantickitti_infos_fold{N}_{train,val}.pkl``, N from 1: each fold is tested on its sequences and learns
    from all other labelled ones.

    Args:
        root: folder that :func:`prepare_semantickitti` has checked.
        folds: names of the sequences of each.

    Raises:
        DataError: if a sequence is not there, is in two folds, or has no labels.
    """
    names = [name for fold in folds for name in fold]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f'--folds: sequence {repeated[0]} stands there twice; every scan is to be tested once.')
    for number, fold in enumerate(folds, 1):
        splits = _splits(root, fold)
        for split in ('train', 'val'):
            _write_infos(root / f'semantickitti_infos_fold{number}_{split}.pkl', splits[split])


def crop_semantickitti(root: Path, into: Path, within: float) -> int:
    """Write what is near the sensor of every scan under ``root/sequences``, in the same layout: smaller scans, for
    trainings without a GPU. Budgets, counts of labels and tests are then of these points alone.

    Args:
        root: folder as for :func:`prepare_semantickitti`, which is to be called with ``into`` afterwards.
        into: folder to write.
        within: points with ``|x|`` and ``|y|`` below this many metres stay.

    Returns: number of scans.

    Raises:
        DataError: for a scan that :func:`check_scan` refuses, or of which nothing is left.
        ValueError: if ``within`` is not positive, or ``into`` holds scans that were cropped otherwise or not at all.
    """
    if not within > 0:
        raise ValueError(f'{within:g} m around the sensor hold no point. Take more metres.')
    scans = [scan for split in ('trainval', 'test') for scan in _splits(root, ())[split]]
    claim_folder(into, CROP, dict(within=within, scans=len(scans)), lambda folder: (folder / 'sequences').exists())
    for scan in track(scans, description=f'Cropping {len(scans)} scans'):
        check_scan(root, scan)
        points = np.fromfile(root / scan.velodyne, dtype=np.float32).reshape(-1, 4)
        near = (np.abs(points[:, :2]) < within).all(axis=1)
        if not near.any():
            raise DataError(f'{root / scan.velodyne}: no point is within {within:g} m of the sensor. Take more metres.')
        _write(into / scan.velodyne, points[near])
        if scan.label:
            _write(into / scan.label, np.fromfile(root / scan.label, dtype=np.uint32)[near])
    return len(scans)


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, array.tobytes())


def check_scan(root: Path, scan: Scan) -> int:
    """Number of points of a scan whose files are whole and belong together.

    Raises:
        DataError: if the scan is empty or truncated or has NaN or infinite values, if its label file has another
            length, or if that holds a raw id that SemanticKITTI does not define.
    """
    velodyne = root / scan.velodyne
    size = velodyne.stat().st_size
    if size == 0 or size % BYTES_PER_POINT:
        raise DataError(f'{velodyne}: {size} bytes are not a whole number of points of {BYTES_PER_POINT} bytes '
                        '(float32 x, y, z, remission), or none. The file is truncated: copy or unpack it again.')
    points = np.fromfile(velodyne, dtype=np.float32).reshape(-1, 4)
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise DataError(f'{velodyne}: {bad} of {len(points)} points have NaN or infinite values. '
                        'Remove those points here and in the label file, or leave the scan out.')
    if scan.label is None:
        return len(points)
    label = root / scan.label
    size = label.stat().st_size
    if size != 4 * len(points):
        raise DataError(f'{label}: {size} bytes, but {velodyne.name} has {len(points)} points and needs '
                        f'{4 * len(points)} bytes (one uint32 a point). They do not belong together.')
    raw_ids = np.unique(np.fromfile(label, dtype=np.uint32) & 0xFFFF)
    unknown = np.setdiff1d(raw_ids, RAW_LABEL_IDS)
    if len(unknown):
        raise DataError(f'{label}: label ids {unknown.tolist()} are not defined by SemanticKITTI. '
                        'Map them to its ids first (0 is void).')
    return len(points)


def _splits(root: Path, val: Sequence[str]) -> Dict[str, List[Scan]]:
    sequences = root / 'sequences'
    if not sequences.is_dir():
        raise DataError(f'{sequences} does not exist. SemanticKITTI unpacks to sequences/SS/velodyne and '
                        f'sequences/SS/labels; put or link that folder there.')
    names = sorted(path.name for path in sequences.iterdir() if (path / 'velodyne').is_dir())
    if missing := sorted(set(val) - set(names)):
        raise DataError(f'{sequences}: validation sequence {", ".join(missing)} is not there, only '
                        f'{", ".join(names) or "nothing"}. Choose others with --val.')
    splits: Dict[str, List[Scan]] = dict(train=[], val=[], trainval=[], test=[])
    for name in names:
        labelled = (sequences / name / 'labels').is_dir()
        if name in val and not labelled:
            raise DataError(f'{sequences / name}: a validation sequence needs a labels folder.')
        scans = _scans(root, name, labelled)
        splits[('val' if name in val else 'train') if labelled else 'test'] += scans
    if not splits['train']:
        raise DataError(f'{sequences}: no labelled scan is left for training beside validation {", ".join(val)}.')
    splits['trainval'] = splits['train'] + splits['val']
    return splits


def _scans(root: Path, sequence: str, labelled: bool) -> List[Scan]:
    folder = Path('sequences') / sequence
    scans = []
    for path in sorted((root / folder / 'velodyne').glob('*.bin')):
        label = folder / 'labels' / f'{path.stem}.label' if labelled else None
        if label and not (root / label).is_file():
            raise DataError(f'{root / label} is missing, but {path} is there. Unpack the labels again.')
        scans.append(Scan((folder / 'velodyne' / path.name).as_posix(), label.as_posix() if label else None))
    if not scans:
        raise DataError(f'{root / folder}/velodyne holds no .bin file.')
    return scans


def _write_infos(path: Path, scans: Sequence[Scan]) -> None:
    data_list = []
    for scan in scans:
        info = dict(lidar_points=dict(lidar_path=scan.velodyne, num_pts_feats=4), sample_id=_sample_id(scan))
        if scan.label:
            info['pts_semantic_mask_path'] = scan.label
        data_list.append(info)
    part = path.with_suffix('.part.pkl')
    mmengine.dump(dict(metainfo=dict(DATASET='SemanticKITTI'), data_list=data_list), part)
    os.replace(part, path)


def _sample_id(scan: Scan) -> str:
    _, sequence, _, file = scan.velodyne.split('/')
    return f'{sequence}/{Path(file).stem}'
