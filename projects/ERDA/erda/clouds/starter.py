"""The files that a folder of point clouds begins with: erda.yaml and a config that trains on it."""
import math
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import yaml

from ..files.data_error import DataError
from ..own_configs import ROOT
from ..weak_labels.click_labels import click_classes
from .description import CONFIG, DESCRIPTION, LabelValue
from .features import HEIGHT, XYZ, find_field
from .inspection import FolderReport

BASE_CONFIG = ROOT / 'projects/ERDA/configs/_base_/minkunet_erda_folder.py'
# Source: LAS 1.4 R15, table 17, https://www.asprs.org/divisions-committees/lidar-division/laser-las-file-format-exchange-activities
ASPRS_CLASSES = {
    2: 'ground', 3: 'low_vegetation', 4: 'medium_vegetation', 5: 'high_vegetation', 6: 'building', 8: 'model_key_point',
    9: 'water', 10: 'rail', 11: 'road_surface', 12: 'overlap', 13: 'wire_guard', 14: 'wire_conductor',
    15: 'transmission_tower', 16: 'wire_connector', 17: 'bridge_deck', 19: 'overhead_structure', 20: 'ignored_ground',
    21: 'snow', 22: 'temporal_exclusion'}
ASPRS_UNLABELLED = (0, 1)  # never classified, unclassified
ASPRS_VOID = (7, 18)  # low and high noise
UNLABELLED_VALUES = (-1, 255, 'unlabelled', 'unlabeled', 'unclassified')  # by custom
VOID_WORDS = ('void', 'ignore', 'ignored', 'noise')
VOXELS_PER_BLOCK_SIDE = 100


class Starter(NamedTuple):
    """What :func:`write_starter` did: files that are new, files that were there, and what to look at."""
    written: List[Path]
    kept: List[Path]
    remarks: List[str]


def write_starter(report: FolderReport, clicks: Optional[Path] = None,
                  columns: Optional[Sequence[str]] = None) -> Starter:
    """Write ``erda.yaml`` and ``minkunet_erda.py`` into the folder; a file that is there is kept.

    Args:
        report: what :func:`erda.clouds.inspection.inspect_folder` found.
        clicks: file of clicks.
        columns: names of the columns of ``.bin`` files, if somebody has said them.

    Raises:
        DataError: if no point has a label or there are fewer than two classes.
        ClickError: if the clicks cannot be read.
    """
    starter = Starter([], [], [])
    for name, content in ((DESCRIPTION, lambda: _description(report, clicks, columns, starter.remarks)),
                          (CONFIG, lambda: CONFIG_TEXT.format(base=BASE_CONFIG.as_posix(),
                                                              voxel_size=_voxel_size(report)))):
        path = report.root / name
        if path.exists():
            starter.kept.append(path)
            continue
        text = content()
        with path.open('x', encoding='utf-8') as file:
            file.write(text)
        starter.written.append(path)
    return starter


CONFIG_TEXT = '''\
# MinkUNet with ERDA on this folder. Classes, features and files are those of erda.yaml beside it.
_base_ = ['{base}']
from erda.clouds.description import read_description
from erda.clouds.features import num_channels

data_root = '{{{{ fileDirname }}}}/'
description = read_description(data_root + 'erda.yaml')
num_classes = len(description.classes)
in_channels = num_channels(description.features)
del description

model = dict(
    data_preprocessor=dict(ignore_index=num_classes, voxel_layer=dict(voxel_size=[{voxel_size}] * 3)),
    backbone=dict(in_channels=in_channels),
    decode_head=dict(num_classes=num_classes, ignore_index=num_classes))
train_dataloader = dict(dataset=dict(dataset=dict(data_root=data_root)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

# A longer training is a better one.
max_iters = 2000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)
]
'''


def _description(report: FolderReport, clicks: Optional[Path], columns: Optional[Sequence[str]],
                 remarks: List[str]) -> str:
    names = click_classes(clicks) if clicks else []
    classes, unlabelled, void = _classes(report, names)
    if report.label_field and (strange := [name for name in names if name not in classes and not name.isdecimal()]):
        remarks.append(f'{clicks} has the classes {", ".join(strange)}, {DESCRIPTION} has not: rename classes there.')
    if len(classes) < 2:
        raise DataError(_too_few_classes(report, classes, clicks))
    features, scale = _features(report, remarks)
    block_size = _block_size(report)
    lines = ['# What ERDA reads from this folder. Paths are relative to it.', '',
             '# Name of a class: the values that it has in the label field. Several values may be one class.',
             'classes:', *(f'  {_text(name)}: {values}' for name, values in classes.items())]
    lines += ['', '# Field of each point that holds these values; null if clicks are all there is.',
              f'label_field: {_text(report.label_field)}',
              '# Points that nobody labelled: ERDA learns from them too.', f'unlabelled: {unlabelled}',
              '# Points that nothing is learnt from, such as noise.', f'void: {void}', '',
              f'# Besides the coordinates, any numeric field, rgb and {HEIGHT} (approximate).',
              f'features: [{", ".join([XYZ, *features])}]', '# What a feature is divided by.',
              f'scale: {{{", ".join(f"{name}: {value:g}" for name, value in scale.items())}}}', '',
              '# Files or glob patterns.', 'splits:']
    for split, files in _splits(report, clicks, remarks).items():
        lines += [f'  {split}:', *(f'    - {_text(file)}' for file in files)]
    lines += ['', '# Larger files are cut into blocks of this size that share the overlap, metres; null: whole files.',
              f'block_size: {"null" if block_size is None else f"{block_size:g}"}',
              f'overlap: {0 if block_size is None else block_size / 10:g}']
    if columns:
        lines += ['', '# Columns of the .bin files.', f'columns: [{", ".join(map(_text, columns))}]']
    if clicks:
        path = clicks.resolve()
        inside = path.is_relative_to(report.root.resolve())
        lines += ['', '# With clicks, training sees these labels and no others.',
                  f'clicks: {_text((path.relative_to(report.root.resolve()) if inside else path).as_posix())}',
                  '# How far a click may be from its point, metres.', 'click_radius: 0.5']
    return '\n'.join(lines) + '\n'


def _classes(report: FolderReport, names: List[str]):
    """Values of each class, unlabelled values, void values."""
    values = list(report.label_counts)
    if report.label_field is None:
        if names and all(name.isdecimal() for name in names):
            names = [f'class_{label}' for label in range(max(map(int, names)) + 1)]
        return {name: [] for name in names}, [], []
    unlabelled: Tuple[LabelValue, ...] = ASPRS_UNLABELLED if report.is_las else UNLABELLED_VALUES
    if report.label_field == 'label':  # SemanticKITTI's, where 0 is unlabelled
        unlabelled = (0, *unlabelled)
    void: Tuple[LabelValue, ...] = ASPRS_VOID if report.is_las else VOID_WORDS
    known = ASPRS_CLASSES if report.is_las else {}
    classes: Dict[str, List[LabelValue]] = {
        value if isinstance(value, str) else known.get(value, f'class_{value}'.replace('-', 'minus_')): [value]
        for value in values if value not in (*unlabelled, *void)}
    return (classes, [value for value in values if value in unlabelled], [value for value in values if value in void])


def _too_few_classes(report: FolderReport, classes: Dict[str, List[LabelValue]], clicks: Optional[Path]) -> str:
    first = report.root / report.files[0].name
    if report.label_field is None and not clicks:
        return (f'{first}: no field of its points is a label ({", ".join(report.files[0].fields) or "x, y, z alone"}). '
                'Name the field with --labels, or give clicks with --clicks.')
    if report.label_field is None:
        return f'{clicks}: it has {len(classes)} class; at least two are needed.'
    seen = ', '.join(f'{value} ({count:,} points)' for value, count in report.label_counts.items())
    if not classes:
        return (f'{first}: no label at all: {report.label_field} is {seen}, which is unlabelled or noise. Label some '
                'points, name another field with --labels, or give clicks with --clicks.')
    return f'{first}: {report.label_field} is {seen}: one class alone. At least two are needed.'


def _features(report: FolderReport, remarks: List[str]):
    features, scale = [], {}
    if report.has_colours():
        features.append('rgb')
        high = max(field.high for name in ('red', 'green', 'blue') for field in report.common(name))
        scale['rgb'] = 1. if high <= 1 else 255. if high <= 255 else 65535.
    elif any(find_field(file.fields, 'red') for file in report.files):
        remarks.append('The colours are left out of the features: they are the same everywhere or not in every file.')
    if intensities := report.common('intensity'):
        features.append('intensity')
        high = max(field.percentile_99 for field in intensities)
        scale['intensity'] = float(f'{high:.2g}') if high > 0 else 1.
    return [*features, HEIGHT], scale


def _splits(report: FolderReport, clicks: Optional[Path], remarks: List[str]) -> Dict[str, List[str]]:
    files = [file.name for file in report.files]
    if len(files) == 1 or (clicks and report.label_field is None):
        remarks.append('Validation uses the training files, so its numbers say little about others: give it files of '
                       f'its own in {DESCRIPTION}.')
        return dict(train=files, val=files)
    count = max(len(files) // 5, 1)
    return dict(train=files[:-count], val=files[-count:])


def _spacing(report: FolderReport) -> float:
    """Typical distance between points, metres."""
    spacings = sorted(math.sqrt(max(float((file.high - file.low)[:2].prod()), 1e-6) / file.count)
                      for file in report.files)
    return spacings[len(spacings) // 2]


def _voxel_size(report: FolderReport) -> float:
    return min(max(round(2 * _spacing(report), 2), 0.05), 0.5)


def _block_size(report: FolderReport) -> Optional[float]:
    """``None`` for single scans of a sensor and for files that are hardly larger than a block."""
    size = float(math.ceil(VOXELS_PER_BLOCK_SIDE * _voxel_size(report)))
    extent = max(float((file.high - file.low)[:2].max()) for file in report.files)
    is_scan = all(file.name.endswith('.bin') for file in report.files)
    return None if is_scan or extent < 1.5 * size else size


def _text(value: Optional[str]) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10 ** 6).removesuffix('\n').removesuffix('\n...')
