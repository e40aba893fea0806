"""What is in a folder of point clouds: points, extents, fields and labels of every file."""
from collections import Counter
from pathlib import Path
from typing import Collection, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from rich.table import Table

from ..files.data_error import DataError
from ..files.progress import track
from .cloud_files import SUFFIXES, PointCloudError, assumptions, iter_point_cloud
from .description import LabelValue
from .features import RGB, find_field
from .listing import look_through
from .table_layout import read_layout

# 'label' comes last: beside one of the others it is often the number of an instance.
LABEL_FIELDS = ('classification', 'class', 'semantic', 'sem_label', 'labels', 'label')
LAS_SUFFIXES = ('.las', '.laz')
MAX_LABEL_VALUES = 256  # a field with more values is no label
SAMPLE_POINTS = 10_000  # of each chunk, to find the range of a feature


class FieldReport(NamedTuple):
    """Range of a field over N points: its smallest, largest and 99% value, and how many are NaN or infinite."""
    dtype: np.dtype
    low: float
    high: float
    percentile_99: float
    not_finite: int


class FileReport(NamedTuple):
    """What is in a file.

    Attributes:
        name: path relative to the folder, with forward slashes.
        count: number of points.
        low: ``[3]`` smallest coordinates.
        high: ``[3]`` largest coordinates.
        fields: by name.
        values: number of points with each value of the label field; ``None`` if there is no such field.
        assumptions: sentences on what the file does not say, see :func:`erda.clouds.cloud_files.assumptions`.
        is_float32: whether all coordinates are float32 numbers, which have large steps far from the origin.
    """
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    low: np.ndarray
    high: np.ndarray
    fields: Dict[str, FieldReport]
    values: Optional[Counter]
    assumptions: Sequence[str] = ()
    is_float32: bool = False


class FolderReport(NamedTuple):
    """What is in a folder.

    Attributes:
        root: folder.
        files: its files, sorted by name.
        label_field: field with labels, in every file; ``None`` if there is none.
        label_counts: number of points with each label value, in all files.
        left_out: a sentence on what is in the folder and not read, if there is anything.
    """
    root: Path
    files: List[FileReport]
    label_field: Optional[str]
    label_counts: Dict[LabelValue, int]
    left_out: Optional[str] = None

    @property
    def is_las(self) -> bool:
        """Whether labels, if there are any, are LAS classes, which have names."""
        return self.label_field in (None, 'classification') and all(_is_las(file) for file in self.files)

    @property
    def has_old_las(self) -> bool:
        """Whether a file has a LAS point format below 6, whose classes end at 31."""
        return any(_is_las(file) and 'scanner_channel' not in file.fields for file in self.files)

    def common(self, name: str) -> List[FieldReport]:
        """A field in every file, or nothing if one lacks it or it is the same everywhere."""
        reports = []
        for file in self.files:
            if (own := find_field(file.fields, name)) is None:
                return []
            reports.append(file.fields[own])
        constant = min(report.low for report in reports) == max(report.high for report in reports)
        return [] if constant or any(report.not_finite for report in reports) else reports

    def has_colours(self) -> bool:
        """Whether every file has red, green and blue, not all of them constant."""
        everywhere = all(find_field(file.fields, name) for file in self.files for name in RGB)
        return everywhere and any(self.common(name) for name in RGB)


def inspect_folder(root: Path, clicks: Sequence[Path] = (), label_field: Optional[str] = None,
                   with_labels: bool = True, columns: Optional[Sequence[str]] = None,
                   only: Optional[Collection[str]] = None) -> FolderReport:
    """Read every point cloud below a folder once.

    Args:
        root: folder, see :func:`look_through`.
        clicks: files, folders or patterns of clicks in it.
        label_field: field with the labels; by default the first of ``LABEL_FIELDS`` that every file has.
        with_labels: whether to look for one.
        columns: names of the columns of ``.bin`` files, see :func:`count_points`.
        only: names of the files to read, relative to the folder; all by default.

    Raises:
        DataError: if there is no point cloud, or naming all files that cannot be used or lack ``label_field``.
    """
    if not root.is_dir():
        raise DataError(f'{root} is not a folder. Name the folder that holds the point clouds.')
    listing = look_through(root, clicks)
    if only is not None:
        listing = listing.only(root, only)
    paths, left_out = listing.clouds, listing.sentence(root)
    if not paths:
        raise DataError(f'{root} holds no file with a suffix of {", ".join(SUFFIXES)}. Put the point clouds there.'
                        f'{f" {left_out}" if left_out else ""}')
    reports, errors = [], []
    for path in track(paths, description=f'Reading {len(paths)} files'):
        try:
            reports.append(_inspect_file(path, path.relative_to(root).as_posix(), label_field, columns))
        except PointCloudError as error:
            errors.append(str(error))
    if errors:
        raise DataError('\n'.join([*errors, f'Repair these {len(errors)} of {len(paths)} files or move them out of '
                                            f'{root}.']))
    report = _folder_report(root, reports, label_field) if with_labels else FolderReport(root, reports, None, {})
    return report._replace(left_out=left_out)


def assumption_lines(report: FolderReport) -> List[str]:
    """Each assumption once, after the files that it is about."""
    files: Dict[str, List[str]] = {}
    for file in report.files:
        for assumption in file.assumptions:
            files.setdefault(assumption, []).append(file.name)
    return [f'{names[0]}{f" and {len(names) - 1} more" if len(names) > 1 else ""}: {assumption}.'
            for assumption, names in files.items()]


def report_table(report: FolderReport) -> Table:
    """Files, points and extents, for a terminal."""
    table = Table(title=str(report.root))
    for name in ('file', 'points', 'x', 'y', 'z'):
        table.add_column(name, justify='left' if name == 'file' else 'right', overflow='fold')
    for file in report.files:
        table.add_row(file.name, f'{file.count:,}',
                      *(f'{low:.2f} to {high:.2f}' for low, high in zip(file.low, file.high)))
    return table


def field_table(report: FolderReport) -> Table:
    """Fields with their ranges over all files, for a terminal."""
    table = Table(title='Fields')
    for name in ('field', 'type', 'from', 'to', 'files'):
        table.add_column(name, justify='left' if name in ('field', 'type') else 'right')
    for name in dict.fromkeys(name for file in report.files for name in file.fields):
        fields = [file.fields[name] for file in report.files if name in file.fields]
        words = any(field.dtype.kind == 'U' for field in fields)
        ends = ('', '') if words else (f'{min(field.low for field in fields):g}',
                                       f'{max(field.high for field in fields):g}')
        table.add_row(name, 'words' if words else str(fields[0].dtype), *ends, f'{len(fields)} of {len(report.files)}')
    return table


def _inspect_file(path: Path, name: str, label_field: Optional[str],
                  columns: Optional[Sequence[str]]) -> FileReport:
    if _is_table_of_clicks(path):
        raise PointCloudError(f'{path} is a file of clicks. Give it with --clicks.')
    count, low, high = 0, np.full(3, np.inf), np.full(3, -np.inf)
    lows: Dict[str, float] = {}
    highs: Dict[str, float] = {}
    samples: Dict[str, List[np.ndarray]] = {}
    not_finite: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    dtypes: Dict[str, np.dtype] = {}
    values: Dict[str, Optional[Counter]] = {}
    is_float32 = True
    for chunk in iter_point_cloud(path, columns=columns):
        count += len(chunk.xyz)
        low, high = np.minimum(low, chunk.xyz.min(axis=0)), np.maximum(high, chunk.xyz.max(axis=0))
        is_float32 &= bool((chunk.xyz == chunk.xyz.astype(np.float32)).all())
        for field, column in chunk.fields.items():
            dtypes.setdefault(field, column.dtype)
            if column.dtype.kind == 'U':  # words
                not_finite[field] += len(column)
                continue
            finite = column[np.isfinite(column)]
            not_finite[field] += len(column) - len(finite)
            if len(finite):
                lows[field] = min(lows.get(field, np.inf), finite.min())
                highs[field] = max(highs.get(field, -np.inf), finite.max())
                samples.setdefault(field, []).append(finite[::max(len(finite) // SAMPLE_POINTS, 1)])
        for field in _label_fields(chunk.fields, label_field):
            values[field] = _count(values.get(field, Counter()), chunk.fields[field])
            missing[field] += _missing(chunk.fields[field])
    if label_field is not None and find_field(dtypes, label_field) is None:
        raise PointCloudError(f'{path}: there is no field {label_field!r}, only {", ".join(dtypes) or "x, y, z"}. Name '
                              'another with --labels.')
    fields = {field: FieldReport(dtype, float(lows.get(field, np.nan)), float(highs.get(field, np.nan)),
                                 float(np.percentile(np.concatenate(samples[field]), 99)) if field in samples else 0.,
                                 not_finite[field]) for field, dtype in dtypes.items()}
    counted = next((found for found in values.values() if found is not None), None)
    notes = assumptions(path, columns) + [f'{number:,} points with nothing in the field {field} are unlabelled'
                                          for field, number in missing.items() if number and counted]
    return FileReport(name, count, low, high, fields, counted, notes, is_float32)


def _is_las(file: FileReport) -> bool:
    return Path(file.name).suffix.lower() in LAS_SUFFIXES


def _is_table_of_clicks(path: Path) -> bool:
    if path.suffix.lower() not in ('.csv', '.txt'):
        return False
    try:
        return {'file', 'class'} <= set(read_layout(path).names)
    except ValueError:  # the reader of points says what is wrong
        return False


def _label_fields(fields: Collection[str], label_field: Optional[str]) -> List[str]:
    """The field that holds labels, at most one."""
    found = (find_field(fields, name) for name in ([label_field] if label_field else LABEL_FIELDS))
    return [name for name in found if name is not None][:1]


def _count(counter: Optional[Counter], column: np.ndarray) -> Optional[Counter]:
    """The counter with the values of a column, but NaN and ''; ``None`` once the column is no label."""
    if counter is None:
        return None
    words = column.dtype.kind == 'U'
    values, numbers = np.unique(column[column != '' if words else ~np.isnan(column)], return_counts=True)
    if len(values) > MAX_LABEL_VALUES or not words and not (np.isfinite(values) & (values == np.round(values))).all():
        return None
    counter.update(dict(zip((values if words else values.astype(np.int64)).tolist(), numbers.tolist())))
    return counter if len(counter) <= MAX_LABEL_VALUES else None


def _missing(column: np.ndarray) -> int:
    """How many values are NaN or ''."""
    return int((column == '' if column.dtype.kind == 'U' else np.isnan(column)).sum())


def _folder_report(root: Path, files: List[FileReport], label_field: Optional[str]) -> FolderReport:
    own = [next(iter(_label_fields(file.fields, label_field)), None) for file in files]
    with_labels = [file for file in files if file.values is not None]
    if not with_labels:
        if label_field:
            raise DataError(f'{root / files[0].name}: {label_field!r} has no whole numbers, or more than '
                            f'{MAX_LABEL_VALUES} of them. Name another field with --labels.')
        return FolderReport(root, files, None, {})
    if len(with_labels) < len(files):
        missing = next(file.name for file in files if file.values is None)
        raise DataError(f'{root / missing} has no label field, but {with_labels[0].name} has. Move it out of {root} or '
                        'add the field.')
    names = {name.lower().removeprefix('scalar_') for name in own if name}
    if len(names) > 1:
        raise DataError(f'{root}: the label fields of its files have different names, {", ".join(sorted(names))}. '
                        'Choose one with --labels.')
    counts: Counter[LabelValue] = Counter()
    for file in files:
        counts.update(file.values or {})
    if len({isinstance(value, str) for value in counts}) > 1:
        raise DataError(f'{root}: {own[0]} has words in some files and numbers in others. Write the same in all.')
    return FolderReport(root, files, own[0], dict(sorted(counts.items())))
