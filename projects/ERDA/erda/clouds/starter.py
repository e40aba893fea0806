"""The files that a folder of point clouds begins with: erda.yaml and a config that trains on it."""
import glob
import math
import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import yaml

from ..files.data_error import DataError
from .click_files import click_values, find_click_files
from .coordinate_doubts import coordinate_doubts
from .description import CONFIG, DESCRIPTION, OF_FILE, SPLITS, LabelValue, read_description
from .features import HEIGHT, XYZ, colour_depth, find_field
from .inspection import FolderReport, inspect_folder
from .label_values import LabelValues, unused_labels, values_of_clicks, values_of_field
from .public_sets import doubts, inspect_public, public_description

CLICKS = 'clicks'  # where rounds of clicks go if the user names no other place
VOXELS_PER_BLOCK_SIDE = 100
FINE_VOXEL = 0.5  # metres; larger ones only where points are farther apart than that
LARGEST_VOXEL = 3.0  # metres; where points are farther apart, the unit is hardly metres


class Wishes(NamedTuple):
    """What a user says about a folder.

    Attributes:
        clicks: files, folders or patterns of clicks, which are the labels then.
        label_field: field of the points that holds labels; beside clicks it is what validation compares with.
        classes: names that clicks may use.
        splits: patterns of the training and validation files, relative to the folder or not.
        codes: ``'asprs'`` or ``'as-they-are'``, what numbers of classes mean.
        unlabelled: values of labels that nobody gave.
        columns: names of the columns of ``.bin`` files.
        block_size: side of the blocks that larger files are cut into, metres.
        public_set: name of the data set in the folder, whose description says all the rest.
    """
    clicks: Tuple[Path, ...] = ()
    label_field: Optional[str] = None
    classes: Tuple[str, ...] = ()
    splits: Dict[str, Sequence[str]] = {}
    codes: Optional[str] = None
    unlabelled: Optional[Tuple[LabelValue, ...]] = None
    columns: Optional[Sequence[str]] = None
    block_size: Optional[float] = None
    public_set: Optional[str] = None

    def beside_folder(self) -> bool:
        """Whether anything is said."""
        return any([*self[:3], *self.splits.values(), *self[4:]])


class Starter(NamedTuple):
    """What :func:`write_starter` did: files that are new, files that were there, and what to look at."""
    written: List[Path]
    kept: List[Path]
    remarks: List[str]


def inspect_for(root: Path, wishes: Wishes) -> FolderReport:
    """What is in a folder, with its labels unless there are to be clicks. Raises what :func:`inspect_folder` does."""
    if wishes.public_set is not None:
        if wishes._replace(public_set=None).beside_folder():
            raise DataError(f'--as {wishes.public_set} says what classes, labels and files are. Leave out the other '
                            f'options, and edit {root / DESCRIPTION} afterwards.')
        return inspect_public(root, wishes.public_set)
    from_clicks = bool(wishes.clicks or wishes.classes) and wishes.label_field is None
    return inspect_folder(root, wishes.clicks, wishes.label_field, not from_clicks, wishes.columns)


def write_starter(report: FolderReport, wishes: Wishes) -> Starter:
    """Write ``erda.yaml`` and ``minkunet_erda.py`` into the folder; a file that is there is kept.

    Args:
        report: what :func:`inspect_for` found.
        wishes: the same.

    Raises:
        DataError: if no point has a label, there are fewer than two classes, or the user has to say what labels mean.
    """
    starter = Starter([], [], [])
    for name, content in ((DESCRIPTION, lambda: _description(report, wishes, starter.remarks)),
                          (CONFIG, lambda: CONFIG_TEXT.format(voxel_size=_voxel_size(report)))):
        path = report.root / name
        if path.exists():
            starter.kept.append(path)
            if name == DESCRIPTION and wishes.beside_folder():
                starter.remarks.append(f'{path} stays as it is: nothing you gave beside the folder is in it. To have '
                                       'it written anew, move it away.')
            continue
        text = content()
        with path.open('x', encoding='utf-8') as file:
            file.write(text)
        starter.written.append(path)
    return starter


CONFIG_TEXT = '''\
# MinkUNet with ERDA+ on this folder. Classes, features and files are those of erda.yaml beside it.
_base_ = ['erda::_base_/minkunet_erda_folder.py', 'erda::_base_/methods/erda_plus_few_files.py']
from erda.clouds.description import read_description
from erda.clouds.features import feature_dims, num_channels

data_root = '{{{{ fileDirname }}}}/'
description = read_description(data_root + 'erda.yaml')
num_classes = len(description.classes)
in_channels = num_channels(description.features)
intensity_dim = feature_dims(description.features).get('intensity', [None])[0]
del description

model = dict(
    data_preprocessor=dict(ignore_index=num_classes, voxel_layer=dict(voxel_size=[{voxel_size}] * 3)),
    backbone=dict(in_channels=in_channels),
    decode_head=dict(**_base_.method_head, num_classes=num_classes, ignore_index=num_classes))
custom_hooks = _base_.custom_hooks + _base_.method_hooks
train_dataloader = dict(
    dataset=dict(dataset=dict(data_root=data_root), propagation=dict(intensity_dim=intensity_dim)))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

# A longer training is a better one.
max_iters = 2000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.004, total_steps=max_iters, pct_start=0.1, by_epoch=False)
]
'''


def _description(report: FolderReport, wishes: Wishes, remarks: List[str]) -> str:
    if wishes.public_set is None:
        text = _own_description(report, wishes, remarks)
    else:
        path = public_description(wishes.public_set)
        text = path.read_text(encoding='utf-8')
        remarks += doubts(report, read_description(path))
    remarks += coordinate_doubts(report, _spacing(report), _voxel_size(report), CONFIG)
    return text


def _own_description(report: FolderReport, wishes: Wishes, remarks: List[str]) -> str:
    classes, unlabelled, void = _label_values(report, wishes, remarks)
    features, scale = _features(report, remarks)
    block_size = wishes.block_size or _block_size(report)
    lines = ['# What ERDA reads from this folder. Paths are relative to it.', '',
             '# Name of a class: its values in the label field; labelled files get the first number of them.',
             'classes:',
             *(f'  {_text(name)}: {_text(values)}' for name, values in classes.items())]
    lines += ['', '# Field of each point that holds these values; null if clicks are all there is.',
              f'label_field: {_text(report.label_field)}',
              '# Points that nobody labelled: ERDA learns from them too.', f'unlabelled: {_text(unlabelled)}',
              '# Points that nothing is learnt from, such as noise.', f'void: {_text(void)}', '',
              f'# Besides the coordinates, any numeric field, rgb and {HEIGHT} (approximate).',
              f'features: [{", ".join([XYZ, *features])}]',
              f'# What a feature is divided by. {OF_FILE}: colours by 1, 255 or 65535, others by what 99% are below.',
              f'scale: {{{", ".join(f"{name}: {value}" for name, value in scale.items())}}}', '',
              '# Files or glob patterns.', 'splits:']
    for split, files in _splits(report, wishes, remarks).items():
        lines += [f'  {split}:', *(f'    - {_text(file)}' for file in files)]
    lines += ['', '# Larger files are cut into blocks of this size that share the overlap, metres; null: whole files.',
              f'block_size: {"null" if block_size is None else f"{block_size:g}"}',
              f'overlap: {0 if block_size is None else block_size / 10:g}']
    if wishes.columns:
        lines += ['', '# Columns of the .bin files.', f'columns: [{", ".join(map(_text, wishes.columns))}]']
    if places := _click_places(report, wishes):
        lines += ['', '# With clicks, training sees these labels and no others. Files, folders or glob patterns; what',
                  '# comes later wins.', 'clicks:', *(f'  - {_text(place)}' for place in places),
                  '# How far a click may be from its point, metres.', 'click_radius: 0.5']
    return '\n'.join(lines) + '\n'


def _label_values(report: FolderReport, wishes: Wishes, remarks: List[str]) -> LabelValues:
    values = LabelValues({}, [], [])
    words = [value for value in wishes.unlabelled or () if isinstance(value, str) and value not in report.label_counts]
    if words:
        raise DataError(f'--unlabelled {words[0]}: no point has this label.')
    if report.label_field:
        values = values_of_field(report, wishes.codes, wishes.unlabelled, remarks)
    if wishes.clicks or wishes.classes:
        written = click_values(find_click_files(wishes.clicks))
        values = values_of_clicks(report, values, wishes.classes, written, wishes.codes, wishes.unlabelled, remarks)
        if report.label_field is None and (sentence := unused_labels(report)):
            remarks.append(sentence)
    if len(values.classes) < 2:
        raise DataError(_too_few_classes(report, values.classes, wishes))
    return values


def _is_coming(path: Path) -> bool:
    """Whether it is a folder that the first round of clicks will make."""
    return not (path.exists() or path.suffix or glob.has_magic(path.name))


def _click_places(report: FolderReport, wishes: Wishes) -> List[str]:
    if not (wishes.clicks or wishes.classes):
        return []
    given = wishes.clicks
    if not any(_is_coming(path) or path.is_dir() or glob.has_magic(path.name) for path in given):
        given = (*given, report.root / CLICKS)  # for the next rounds
    return [Path(os.path.relpath(path, report.root)).as_posix() for path in given]


def _too_few_classes(report: FolderReport, classes: Dict[str, List[LabelValue]], wishes: Wishes) -> str:
    first = report.root / report.files[0].name
    how = ('name the classes with --classes ground,building,... and click, or give clicks with --clicks')
    if wishes.clicks or wishes.classes:
        return (f'{", ".join(map(str, wishes.clicks)) or "--classes"}: {len(classes)} class'
                f'{"" if len(classes) == 1 else "es"} ({", ".join(classes) or "none"}); at least two are needed. '
                'Name all of them with --classes ground,building,...')
    if report.label_field is None:
        return (f'{first}: no field of its points is a label ({", ".join(report.files[0].fields) or "x, y, z alone"}). '
                f'Name the field with --labels, or {how}.')
    seen = ', '.join(f'{value} ({count:,} points)' for value, count in report.label_counts.items())
    if not classes:
        return (f'{first}: no label at all: {report.label_field} is {seen}, which is unlabelled or noise. Label some '
                f'points, name another field with --labels, or {how}.')
    return f'{first}: {report.label_field} is {seen}: one class alone. At least two are needed: {how}.'


def _features(report: FolderReport, remarks: List[str]) -> Tuple[List[str], Dict[str, str]]:
    features, scale = [], {}
    if report.has_colours():
        features.append('rgb')
        depths = {file.name: colour_depth({name: field.high for name, field in file.fields.items()})
                  for file in report.files}
        scale['rgb'] = f'{max(depths.values()):g}'
        if len(set(depths.values())) > 1:
            scale['rgb'] = OF_FILE
            low = [name for name, depth in depths.items() if depth < max(depths.values())]
            remarks.append(f'Colours have another depth in {", ".join(low[:3])}{", ..." if len(low) > 3 else ""} than '
                           'elsewhere: those of each file are divided by 1, 255 or 65535 as it needs.')
    elif any(find_field(file.fields, 'red') for file in report.files):
        remarks.append('The colours are left out of the features: they are the same everywhere or not in every file.')
    if intensities := report.common('intensity'):
        features.append('intensity')
        high = max(field.percentile_99 for field in intensities)
        scale['intensity'] = f'{high:.2g}' if high > 0 else '1'
    return [*features, HEIGHT], scale


def _splits(report: FolderReport, wishes: Wishes, remarks: List[str]) -> Dict[str, List[str]]:
    files = [file.name for file in report.files]
    given = {split: _patterns(report, split, patterns) for split, patterns in wishes.splits.items() if patterns}
    of_split = {split: _matching(report, patterns) for split, patterns in given.items()}
    if given:
        for split, other in (('train', 'val'), ('val', 'train')):
            if split not in given:
                given[split] = of_split[split] = [file for file in files if file not in of_split[other]] or files
    elif len(files) == 1 or ((wishes.clicks or wishes.classes) and report.label_field is None):
        given = dict(train=files, val=files)
        of_split = given
    else:
        count = max(len(files) // 5, 1)
        given = dict(train=files[:-count], val=files[-count:])
        of_split = given
    if set(of_split['train']) & set(of_split['val']):
        remarks.append('Validation uses training files, so its numbers say little about others: give it files of its '
                       'own with --val.')
    return {split: given[split] for split in SPLITS if split in given}


def _patterns(report: FolderReport, split: str, given: Sequence[str]) -> List[str]:
    """Patterns below the folder; the shell may have made files of them."""
    patterns = []
    for pattern in given:
        path, root = Path(os.path.abspath(pattern)), Path(os.path.abspath(report.root))
        inside = path.relative_to(root).as_posix() if path.is_relative_to(root) and path != root else pattern
        found = next((each for each in (pattern, inside) if _matching(report, [each])), None)
        if found is None:
            raise DataError(f'--{split} {pattern}: this is no point cloud in {report.root}. It has '
                            f'{", ".join(file.name for file in report.files[:5])}.')
        patterns.append(found)
    return patterns


def _matching(report: FolderReport, patterns: Sequence[str]) -> List[str]:
    found = {path.relative_to(report.root).as_posix() for pattern in patterns if not Path(pattern).is_absolute()
             for path in report.root.glob(pattern)} | set(patterns)
    return [file.name for file in report.files if file.name in found]


def _spacing(report: FolderReport) -> float:
    """Typical distance between points, metres."""
    spacings = sorted(math.sqrt(max(float((file.high - file.low)[:2].prod()), 1e-6) / file.count)
                      for file in report.files)
    return spacings[len(spacings) // 2]


def _voxel_size(report: FolderReport) -> float:
    spacing = _spacing(report)
    coarsest = max(FINE_VOXEL, math.ceil(10 * spacing) / 10)
    return min(max(round(2 * spacing, 2), 0.05), coarsest, LARGEST_VOXEL)


def _block_size(report: FolderReport) -> Optional[float]:
    """``None`` for single scans of a sensor and for files that are hardly larger than a block."""
    size = float(math.ceil(VOXELS_PER_BLOCK_SIDE * _voxel_size(report)))
    extent = max(float((file.high - file.low)[:2].max()) for file in report.files)
    is_scan = all(file.name.endswith('.bin') for file in report.files)
    return None if is_scan or extent < 1.5 * size else size


def _text(value: Union[str, Sequence[LabelValue], None]) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10 ** 6, allow_unicode=True)
    return text.removesuffix('\n').removesuffix('\n...')
