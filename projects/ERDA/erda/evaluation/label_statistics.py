"""Weak labels against the truth, class by class and scan by scan, on both bases: raw points, and voxels."""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from rich.table import Table

from ..files.progress import track
from ..voxelization import occupied_voxels, vote_voxel_labels
from ..weak_labels import WeakLabelDataset, count_per_class, voxel_coors


class LabelStatistics(NamedTuple):
    """Counts on one base. Hidden labels enter them: they are for reports and must not reach a training.

    Attributes:
        base: what is counted, in words.
        classes: K names.
        truth: ``[K]`` int64, points or voxels of each class.
        labels: ``[K]`` int64, those of them whose label is seen.
        scans: ``[K]`` int64, scans that hold the class.
        scans_without_label: ``[K]`` int64, those of them without a label of it.
        sizes: ``[S]`` int64, points or voxels of each scan, void among them.
        labels_per_scan: ``[S]`` int64.
    """
    base: str
    classes: Sequence[str]
    truth: np.ndarray
    labels: np.ndarray
    scans: np.ndarray
    scans_without_label: np.ndarray
    sizes: np.ndarray
    labels_per_scan: np.ndarray

    @property
    def share(self) -> float:
        """Labels among all points or voxels."""
        return self.labels.sum() / max(self.sizes.sum(), 1)

    @property
    def without_label(self) -> List[str]:
        """Classes that the data holds and no label shows."""
        return [name for name, n, seen in zip(self.classes, self.truth, self.labels) if n and not seen]


def label_statistics(dataset: WeakLabelDataset,
                     voxel_size: Optional[Sequence[float]] = None,
                     progress: bool = True) -> List[LabelStatistics]:
    """Statistics on raw points, and on voxels where there are any.

    The label of a voxel is the vote of its labelled points, as in training.

    Args:
        dataset: the training set.
        voxel_size: edges in metres of the segmentor's voxels; a budget with voxels of its own is counted on those.
        progress: whether to show a bar, which needs the terminal for itself.
    """
    num_classes = len(dataset.metainfo['classes'])
    ignore_index = dataset.metainfo['ignore_index']
    bases = ['raw points']
    edge = dataset.budget.voxel_size or voxel_size
    if edge:
        edges = sorted(set(np.atleast_1d(edge).tolist()))
        bases.append(f'{" x ".join(f"{100 * x:g}" for x in edges)} cm voxels')
    counts: List[List[list]] = [[] for _ in bases]
    for idx in track(list(dataset.scans().values()), description='Counting labels', disable=not progress):
        scan, truth = dataset.load_scan_with_truth(idx)
        pairs: List[Sequence[np.ndarray]] = [(truth, scan.labels)]
        if edge:
            coors = voxel_coors(scan.points[:, :3], edge, centred=not dataset.budget.voxel_size)
            grid = occupied_voxels(torch.from_numpy(coors))
            pairs.append([vote_voxel_labels(torch.from_numpy(labels), grid.point2voxel_map, len(grid.coors),
                                            ignore_index).numpy() for labels in (truth, scan.labels)])
        for base, labels in zip(counts, pairs):
            base.append([len(labels[0]), *(count_per_class(x, num_classes) for x in labels)])
    return [_summed(name, dataset.metainfo['classes'], base) for name, base in zip(bases, counts)]


def _summed(base: str, classes: Sequence[str], counts: Sequence[list]) -> LabelStatistics:
    sizes, truth, labels = map(np.array, zip(*counts))
    return LabelStatistics(base, classes, truth.sum(axis=0), labels.sum(axis=0), (truth > 0).sum(axis=0),
                           ((truth > 0) & (labels == 0)).sum(axis=0), sizes, labels.sum(axis=1))


def statistics_table(statistics: LabelStatistics) -> Table:
    """A row for each class, then one for all."""
    per_scan = statistics.labels_per_scan
    table = Table(title=f'Weak labels, counted on {statistics.base}; per scan {per_scan.mean():.1f} '
                        f'(from {per_scan.min()} to {per_scan.max()}) of {statistics.sizes.mean():.0f}')
    table.add_column('class')
    for name in ('true', 'share', 'labels', 'share', 'labelled', 'scans with it', 'without a label of it'):
        table.add_column(name, justify='right')
    total, total_labels = statistics.truth.sum(), statistics.labels.sum()
    for name, n, seen, scans, without in zip(statistics.classes, statistics.truth, statistics.labels,
                                             statistics.scans, statistics.scans_without_label):
        table.add_row(name, f'{n}', _percent(n, total), f'{seen}', _percent(seen, total_labels), _percent(seen, n),
                      f'{scans}', f'{without}', style='bold red' if n and not seen else None)
    table.add_section()
    table.add_row('all classes', f'{total}', '', f'{total_labels}', '', _percent(total_labels, total),
                  f'{len(statistics.sizes)}', f'{(per_scan == 0).sum()}', style='bold')
    return table


def _percent(part: int, whole: int) -> str:
    return f'{100 * part / whole:.3g}%' if whole else '-'
