"""Draws the masks of a dataset once, scan by scan, and checks stored ones."""
import json
import os
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, Iterator, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from ..files.digest import sha256
from ..files.progress import track
from .budgets import count_per_class, is_class
from .grid_subsampling import voxel_coors, voxel_keys
from .stored_masks import MANIFEST, MASKS, StoredMasks, encode_mask, index_masks
from .weak_label_dataset import WeakLabelDataset

JOURNAL = 'scans.part'


class Totals(NamedTuple):
    """Sums over the scans; no voxels where there is no voxel size."""
    points: int
    labels: int
    voxels: Optional[int]
    labelled_voxels: Optional[int]


def write_masks(dataset: WeakLabelDataset, folder: Path,
                voxel_size: Optional[Sequence[float]] = None) -> Totals:
    """Write ``masks.bin`` and then ``manifest.json``, which is there only if everything is complete.

    Scans go to the files one by one, so memory does not grow with their number. An interrupted call is continued by the
    next one; a folder that is complete is left as it is.

    Args:
        dataset: what to draw, with a budget.
        folder: where to write.
        voxel_size: edges in metres of the segmentor's voxels, which labels are counted on beside raw points; a budget
            with voxels of its own is counted on those.

    Raises:
        ValueError: if the budget reads its labels from files anyway, or the folder holds other masks.
    """
    if not dataset.budget.storable:
        raise ValueError(f'{type(dataset.budget).__name__} takes its labels from files as they are: there is nothing '
                         'to draw, and nothing that a mask could keep. Train with the budget itself.')
    classes = list(dataset.metainfo['classes'])
    scheme = dict(budget=dataset.budget_config, name=str(dataset.budget), seed=dataset.seed,
                  classes=classes, voxel_size=dataset.budget.voxel_size or voxel_size)
    if (folder / MANIFEST).is_file():
        stored = StoredMasks(folder)
        _same_scheme(folder, {key: stored.manifest.get(key) for key in scheme}, scheme)
        stored.check(dict.fromkeys(dataset.scans()), classes, dataset.seed)
        return Totals._make(stored.manifest.get(key) for key in Totals._fields)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f'{MASKS}.part'
    done = _resume(folder, part, scheme)
    scans = dataset.scans()
    todo = [scan for scan in scans if scan not in done]
    with open(part, 'ab') as masks, open(folder / JOURNAL, 'a') as journal:
        for scan in track(todo, description=f'Masks of {len(scans)} scans'):
            mask, record = _draw(dataset, scans[scan], voxel_size)
            masks.write(encode_mask(mask))
            masks.flush()  # a record in the journal stands for a mask that is there
            journal.write(f'{json.dumps(scan)}: {json.dumps(record)}\n')
            journal.flush()
    totals = _write_manifest(folder, part, scheme)
    os.replace(part, folder / MASKS)
    (folder / JOURNAL).unlink()
    os.replace(folder / f'{MANIFEST}.part', folder / MANIFEST)
    return totals


def verify_masks(dataset: WeakLabelDataset, folder: Path) -> int:
    """Draw every mask again and compare; the number of scans.

    Args:
        dataset: as for :func:`write_masks`.
        folder: what that has written.

    Raises:
        ValueError: for a damaged file, another scheme, or the first scan whose mask differs.
    """
    stored = StoredMasks(folder)
    scans = dataset.scans()
    stored.check(dict.fromkeys(scans), dataset.metainfo['classes'], dataset.seed, dataset.budget_config)
    for scan, idx in track(scans.items(), description='Checking masks'):
        drawn = is_class(dataset.load_scan(idx).labels, len(dataset.metainfo['classes']))
        stored.check_points(scan, len(drawn))
        if not np.array_equal(stored.read(scan), drawn):
            raise ValueError(f'{stored.path}: the mask of {scan} is not the one that {dataset.budget} draws with '
                             f'seed={dataset.seed}. The labels of the data have changed since.')
    return len(scans)


def _draw(dataset: WeakLabelDataset, idx: int,
          voxel_size: Optional[Sequence[float]]) -> Tuple[np.ndarray, dict]:
    """A scan's mask, and its record in the manifest."""
    scan = dataset.load_scan(idx)
    num_classes = len(dataset.metainfo['classes'])
    mask = is_class(scan.labels, num_classes)
    record = dict(points=len(mask), labels=count_per_class(scan.labels, num_classes).tolist())
    own_voxels = dataset.budget.voxel_size
    if edge := own_voxels or voxel_size:
        keys = voxel_keys(voxel_coors(scan.points[:, :3], edge, centred=not own_voxels))
        record.update(voxels=len(np.unique(keys)), labelled_voxels=len(np.unique(keys[mask])))
    return mask, record


def _same_scheme(folder: Path, stored: dict, scheme: dict) -> None:
    for key, value in json.loads(json.dumps(scheme)).items():
        if stored[key] != value:
            raise ValueError(f'{folder} holds masks with {key}={stored[key]}, this config has {key}={value}. Choose '
                             'another folder, or delete this one.')


def _resume(folder: Path, part: Path, scheme: dict) -> Set[str]:
    """The scans whose masks are there; cuts both files to exactly those."""
    journal = folder / JOURNAL
    lines = [line for line in journal.read_text().splitlines() if line] if journal.is_file() else []
    if lines:
        _same_scheme(folder, json.loads(lines[0]), scheme)
    size = part.stat().st_size if part.is_file() else 0
    masks = index_masks(_records(lines[1:]))
    kept = [scan for scan, mask in masks.items() if mask.end <= size]
    with open(part, 'ab') as file:
        file.truncate(masks[kept[-1]].end if kept else 0)
    cut = folder / f'{JOURNAL}.cut'
    cut.write_text('\n'.join([json.dumps(scheme), *lines[1:1 + len(kept)]]) + '\n')
    os.replace(cut, journal)
    return set(kept)


def _records(lines: Iterable[str]) -> Dict[str, dict]:
    """Records by scan, up to one that was not written to its end."""
    records = {}
    for line in lines:
        try:
            records.update(json.loads(f'{{{line}}}'))
        except json.JSONDecodeError:
            break
    return records


def _write_manifest(folder: Path, part: Path, scheme: dict) -> Totals:
    """The scheme, the sums and the records, one scan a line."""
    labels_per_class = np.zeros(len(scheme['classes']), dtype=np.int64)
    sums: Counter[str] = Counter()
    for line in _journal(folder):
        record, = _records([line]).values()
        labels_per_class += record.pop('labels')
        sums.update(record)
    totals = Totals(sums['points'], int(labels_per_class.sum()), *(sums.get(key) for key in Totals._fields[2:]))
    shares = dict(share=totals.labels / max(totals.points, 1))
    if totals.voxels is not None and totals.labelled_voxels is not None:
        shares.update(voxel_share=totals.labelled_voxels / max(totals.voxels, 1))
    head = dict(**scheme, **totals._asdict(), **shares,
                labels_per_class=dict(zip(scheme['classes'], labels_per_class.tolist())), sha256=sha256(part))
    with open(folder / f'{MANIFEST}.part', 'w') as file:
        file.write(json.dumps(head, indent=1)[:-2] + ',\n "scans": {\n')
        for i, line in enumerate(_journal(folder)):
            file.write(('  ' if i == 0 else ',\n  ') + line)
        file.write('\n }\n}\n')
    return totals


def _journal(folder: Path) -> Iterator[str]:
    with open(folder / JOURNAL) as file:
        next(file)  # the scheme
        for line in file:
            yield line.rstrip('\n')
