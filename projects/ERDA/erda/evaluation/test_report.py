"""What a test says of one or several checkpoints: tables, Markdown, JSON."""
import hashlib
import json
import math
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
from mmengine.config import Config
from rich.markup import escape
from rich.table import Table

from ..files.metrics_file import write_metrics
from ..files.whole_file import write_whole
from .comparison_table import as_markdown
from .confusion_metric import SegmentationScores, seg_metric_results, segmentation_scores
from .package_versions import package_versions
from .trained_labels import TrainedLabels


class YourClouds(NamedTuple):
    """What a test on hidden labels of the training scans found.

    Attributes:
        confusion: ``[K, K + 1]``, see :func:`confusion_matrix`, of the points whose label training did not see.
        scans: how many were tested.
        prior_exponent: how much propagated labels counted in the predictions.
    """
    confusion: np.ndarray
    scans: int
    prior_exponent: float = 0.0


class CheckpointResult(NamedTuple):
    """A checkpoint and what the test found.

    Attributes:
        name: short name, for columns and folders.
        checkpoint: path or address.
        checkpoint_sha256: of the file; ``None`` for an address.
        config: file.
        config_sha256: of the config with all that it inherits.
        classes: K names.
        ignore_index: label that does not count.
        confusion: ``[K, K + 1]``, see :func:`confusion_matrix`.
        scans: how many were tested.
        tta: whether predictions were averaged over augmentations.
        labels: what it was trained with.
        your_clouds: the same on hidden labels of the training scans; a reason in words if there are none, ``None`` if
            nobody asked.
    """
    name: str
    checkpoint: str
    checkpoint_sha256: Optional[str]
    config: str
    config_sha256: str
    classes: Sequence[str]
    ignore_index: int
    confusion: np.ndarray
    scans: int
    tta: bool
    labels: TrainedLabels
    your_clouds: Union[YourClouds, str, None] = None

    @property
    def scores(self) -> SegmentationScores:
        """What the counts say."""
        return segmentation_scores(self.confusion, self.ignore_index)


def short_names(checkpoints: Sequence[str]) -> List[str]:
    """Those parts of the paths that differ, such as the folder if the files have the same name.

    Raises:
        ValueError: if a checkpoint is there twice.

    Examples:
        >>> short_names(['work_dirs/erda/iter_1000.pth', 'work_dirs/sparse/iter_1000.pth'])
        ['erda', 'sparse']
    """
    if len(set(checkpoints)) < len(checkpoints):
        raise ValueError('A checkpoint is given twice.')
    parts = [checkpoint.split('/') for checkpoint in checkpoints]
    if len(parts) == 1:
        return [_stem(parts[0][-1])]
    for end in (0, -1):
        while len({part[end] for part in parts}) == 1 and min(map(len, parts)) > 1:
            for part in parts:
                del part[end]
    names = ['/'.join([*part[:-1], _stem(part[-1])]) for part in parts]
    return names if len(set(names)) == len(names) else ['/'.join(part) for part in parts]


def by_job(results: Sequence[CheckpointResult]) -> Dict[str, List[CheckpointResult]]:
    """Results on new scenes and, as results of the same kind, on your clouds, where there are any."""
    jobs = {'New scenes': list(results)}
    clouds = [result._replace(confusion=result.your_clouds.confusion, scans=result.your_clouds.scans)
              for result in results if isinstance(result.your_clouds, YourClouds)]
    return {**jobs, 'Your clouds': clouds} if clouds else jobs


def class_rows(result: CheckpointResult) -> List[List[str]]:
    """Header and rows of one checkpoint: IoU and accuracy of each class in percent, and its points."""
    scores = result.scores
    rows = [['', 'IoU', 'accuracy', 'points']]
    for name, iou, accuracy, points in zip(result.classes, scores.iou, scores.accuracy, scores.support):
        rows.append([name, _percent(iou, points), _percent(accuracy, points), str(points)])
    rows.append([f'mIoU of {_occurring(scores)}', _percent(scores.miou), '', ''])
    rows.append(['overall accuracy', '', _percent(scores.overall_accuracy), str(scores.support.sum())])
    return rows


def checkpoint_rows(results: Sequence[CheckpointResult]) -> List[List[str]]:
    """Header and rows of several checkpoints of the same classes, tested on the same scans; IoU in percent."""
    scores = [result.scores for result in results]
    labels = [result.labels for result in results]
    rows = [['', *(result.name for result in results)]]
    rows.append(['labels', *(x.name for x in labels)])
    rows.append(['label seed', *('' if x.seed is None else str(x.seed) for x in labels)])
    rows.append(['labels per scan', *(f'{x.count.per_scan:.0f}' if x.count else '' for x in labels)])
    for k, name in enumerate(results[0].classes):
        rows.append([name, *(_percent(x.iou[k], x.support[k]) for x in scores)])
    rows.append([f'mIoU of {_occurring(scores[0])}', *(_percent(x.miou) for x in scores)])
    rows.append(['overall accuracy', *(_percent(x.overall_accuracy) for x in scores)])
    return rows


def notes(results: Sequence[CheckpointResult], command: str) -> List[str]:
    """Sentences below a table: what was tested and how, what it was trained with, what the mean is over."""
    first = results[0]
    tta = ', predictions averaged over augmentations' if first.tta else ''
    clouds = by_job(results).get('Your clouds')
    scans = f'{first.scans} scans'
    if clouds:
        scans = (f'{clouds[0].scans} training scans on hidden labels (your clouds), '
                 f'{first.scans} test scans (new scenes)')
    lines = [f'`{command}`: IoU and accuracy in percent, {scans}{tta}.']
    for result in results:
        name = f'{result.name}: ' if len(results) > 1 else ''
        digest = f' (sha256 {result.checkpoint_sha256[:12]})' if result.checkpoint_sha256 else ''
        lines.append(f'{name}{result.checkpoint}{digest}, {_labels(result.labels)}.')
        if isinstance(result.your_clouds, str):
            lines.append(f'{name}your clouds are left out: {result.your_clouds}.')
        elif result.your_clouds and result.your_clouds.prior_exponent:
            lines.append(f'{name}on your clouds, probabilities are multiplied by propagated labels to the power '
                         f'{result.your_clouds.prior_exponent:g}.')
    absent = [name for name, points in zip(first.classes, first.scores.support) if not points]
    if absent:
        mious = ', '.join(_percent(seg_metric_miou(result)) for result in results)
        lines.append(f'The mean is over the classes that occur, so without {", ".join(absent)}. mmdet3d\'s SegMetric '
                     f'also counts those of them that are predicted, as 0: {mious}.')
    return lines


def seg_metric_miou(result: CheckpointResult) -> float:
    """``miou`` of mmdet3d's ``SegMetric``."""
    return seg_metric_results(result.confusion, dict(enumerate(result.classes)), result.ignore_index)['miou']


def as_report(results: Sequence[CheckpointResult], command: str) -> str:
    """Table and notes in Markdown: of classes for one checkpoint, of checkpoints for several.

    Args:
        results: of the same classes and scans.
        command: what made them.
    """
    jobs = by_job(results)
    text = ''
    for job, of_job in jobs.items():
        title = f'**{job}**\n\n' if len(jobs) > 1 else ''
        text += title + as_markdown(_rows(of_job, len(results))) + '\n'
    return text + ''.join(f'- {line}\n' for line in notes(results, command))


def _rows(results: Sequence[CheckpointResult], checkpoints: int) -> List[List[str]]:
    return class_rows(results[0]) if checkpoints == 1 else checkpoint_rows(results)


def as_screen_table(results: Sequence[CheckpointResult], title: str = 'IoU in percent') -> Table:
    """The table of one job for a terminal."""
    header, *body = _rows(results, len(results))
    table = Table(title=title)
    for i, name in enumerate(header):
        table.add_column(escape(name), justify='right' if i else 'left')
    ends = (len(body) - 3, 2 if len(results) > 1 else -1)
    for i, row in enumerate(body):
        table.add_row(*map(escape, row), style='bold' if i == len(body) - 2 else None, end_section=i in ends)
    return table


def write_report(folder: Path, results: Sequence[CheckpointResult], command: str) -> None:
    """Write ``metrics.md``, and ``metrics.json`` for one checkpoint; several have both in folders of their names, too.

    JSON has IoU, accuracy and points of each class, the confusion matrix (rows are true classes, the last column is of
    predictions that are no class), labels of the training, checksums and versions; see :func:`write_metrics`. The same
    of your clouds stands under ``your_clouds``.
    """
    if len(results) > 1:
        for result in results:
            write_report(folder / folder_name(result.name), [result], command)
    else:
        result, = results
        metrics = seg_metric_results(result.confusion, dict(enumerate(result.classes)), result.ignore_index)
        write_metrics(folder / 'metrics.json', metrics, result.config, result.checkpoint,
                      command=command, **_details(result))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / 'metrics.md', as_report(results, command).encode())


def folder_name(name: str) -> str:
    """A name without separators of folders."""
    return name.replace('/', '_')


def config_sha256(cfg: Config) -> str:
    """Digest of a config with all that it inherits, whatever its files, without where and how a run is started."""
    settings = {key: value for key, value in cfg.to_dict().items() if key not in ('launcher', 'resume', 'work_dir')}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def _details(result: CheckpointResult) -> dict:
    scores, labels = result.scores, result.labels
    return dict(
        miou_of_occurring=_plain(scores.miou),
        classes={
            name: dict(iou=_plain(iou), accuracy=_plain(accuracy), support=int(points))
            for name, iou, accuracy, points in zip(result.classes, scores.iou, scores.accuracy, scores.support)
        },
        confusion=result.confusion.tolist(),
        scans=result.scans,
        tta=result.tta,
        labels=dict(labels._asdict(), count=labels.count and labels.count._asdict()),
        config_sha256=result.config_sha256,
        checkpoint_sha256=result.checkpoint_sha256,
        your_clouds=_your_clouds(result),
        versions=package_versions())


def _your_clouds(result: CheckpointResult) -> Optional[dict]:
    if not isinstance(result.your_clouds, YourClouds):
        return dict(left_out=result.your_clouds) if result.your_clouds else None
    confusion = result.your_clouds.confusion
    scores = segmentation_scores(confusion, result.ignore_index)
    return dict(miou_of_occurring=_plain(scores.miou), accuracy=_plain(scores.overall_accuracy),
                iou={name: _plain(iou) for name, iou in zip(result.classes, scores.iou)},
                confusion=confusion.tolist(), scans=result.your_clouds.scans,
                prior_exponent=result.your_clouds.prior_exponent)


def _labels(labels: TrainedLabels) -> str:
    text = f'trained with labels: {labels.name}'
    if labels.seed is not None:
        text += f', label seed {labels.seed}'
    if labels.count:
        scans = 'all' if labels.count.counted == labels.count.scans else f'{labels.count.counted} of'
        text += f', {labels.count.per_scan:.0f} per scan (mean of {scans} {labels.count.scans} training scans)'
    return f'{text}, as {labels.source} says'


def _occurring(scores: SegmentationScores) -> int:
    return int((scores.support > 0).sum())


def _percent(share: float, points: int = 1) -> str:
    return f'{100 * share:.1f}' if points and not math.isnan(share) else '-'


def _plain(value: float) -> Optional[float]:
    return None if math.isnan(value) else round(float(value), 6)


def _stem(file: str) -> str:
    return file.removesuffix('.pth').removesuffix('.safetensors')
