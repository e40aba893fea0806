"""Clicks of a person on points become weak labels: a CSV or JSON file of places or point numbers with a class."""
import csv
import json
import logging
import math
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from rich.table import Table
from scipy.spatial import cKDTree

from .budgets import UNLABELED

COORDINATES = ('x', 'y', 'z')


class ClickError(ValueError):
    """A file of clicks that cannot be used; the message names the file and the line."""


class Click(NamedTuple):
    """One labelled place.

    Attributes:
        file: path of the point cloud, with forward slashes, in full or its last parts.
        label: class, 0 to K-1.
        xyz: the place in the file's own coordinates, metres; ``None`` if only the point's number is known.
        index: number of the point in the file; ``None`` if only the place is known.
    """
    file: str
    label: int
    xyz: Optional[Tuple[float, float, float]]
    index: Optional[int]  # type: ignore[assignment]  # hides tuple.index


class ResolvedClicks(NamedTuple):
    """What the clicks of one file say about its N points.

    Attributes:
        labels: ``[N]`` int64, :data:`erda.weak_labels.UNLABELED` where nobody clicked or where clicks disagree.
        clicks: the clicks, as given.
        points: ``[len(clicks)]`` int64, the point that each click hit, -1 if none.
        missed: clicks without a point within the radius, or with a number that the file does not have.
        disagreeing: pairs of clicks on one place with different classes.
    """
    labels: np.ndarray
    clicks: List[Click]
    points: np.ndarray
    missed: List[Click]
    disagreeing: List[Tuple[Click, Click]]


def read_clicks(path: Path, classes: Optional[Sequence[str]]) -> List[Click]:
    """Clicks of a CSV file with a header row, or of a JSON list of objects with the same keys.

    The columns are ``file``, ``class`` (a name, or a number from 0 to K-1) and either ``x, y, z`` or ``index``, or all
    of them. Other columns are ignored. Rows with an empty class are skipped, and a warning says how many.

    Args:
        path: ``.csv`` or ``.json``.
        classes: K names; with ``None`` all names are fine, and they are numbered as they appear.

    Raises:
        ClickError: if the file cannot be read or is empty, or has an unknown class, a missing column or not a number.
    """
    path = Path(path)
    clicks, skipped, rows = [], 0, _rows(path)
    if classes is None:
        classes = _class_names(rows)
    for where, row in rows:
        if row.get('class') in ('', None) and 'class' in row:
            skipped += 1
        else:
            clicks.append(_click(where, row, classes))
    if skipped:
        logging.getLogger(__name__).warning('%s: %d rows without a class are skipped', path, skipped)
    if not clicks:
        raise ClickError(f'{path} has no click at all' + (': fill in the column "class".' if skipped else '.'))
    return clicks


def click_classes(path: Path) -> List[str]:
    """The classes of a file of clicks as they are written there, in their order.

    Raises:
        ClickError: if the file cannot be read or lacks a column.
    """
    rows = _rows(Path(path))
    for where, row in rows:
        _check_columns(where, row)
    return _class_names(rows)


def clicks_of(clicks: Iterable[Click], path: Path) -> List[Click]:
    """The clicks whose ``file`` is this path, or the last parts of it.

    Examples:
        >>> clicks = [Click('a.las', 0, None, 7), Click('north/a.las', 1, None, 8), Click('b.las', 2, None, 9)]
        >>> [click.index for click in clicks_of(clicks, Path('data/south/a.las'))]
        [7]
    """
    name = Path(path).as_posix()
    return [click for click in clicks if f'/{name}'.endswith(f'/{PurePosixPath(click.file)}')]


def resolve_clicks(clicks: Sequence[Click], xyz: np.ndarray, radius: float) -> ResolvedClicks:
    """Weak labels of one file from its clicks.

    A click takes the point of its number, if it has one and that point is within the radius of its place; otherwise the
    point nearest to its place. Two clicks of different classes disagree on one point, and, if both were places, also
    on two points within the radius of each other: nobody aims better than that.

    Args:
        clicks: clicks of this file.
        xyz: ``[N, 3]`` float64, metres, in the coordinates of the clicks.
        radius: how far a click may be from its point, metres.

    Raises:
        ValueError: if the radius is not positive.
    """
    if not radius > 0:
        raise ValueError(f'resolve_clicks: radius={radius} must be positive')
    points, by_place = np.full(len(clicks), -1, dtype=np.int64), np.zeros(len(clicks), dtype=bool)
    for i, click in enumerate(clicks):
        if click.index is not None and 0 <= click.index < len(xyz) and (
                click.xyz is None or math.dist(xyz[click.index], click.xyz) <= radius):
            points[i] = click.index
        else:
            by_place[i] = click.xyz is not None
    if by_place.any() and len(xyz):
        places = np.array([click.xyz for click, place in zip(clicks, by_place) if place])
        # Only points near a click go into the tree: it would take minutes over a whole survey.
        near = np.flatnonzero(((xyz >= places.min(0) - radius) & (xyz <= places.max(0) + radius)).all(1))
        if len(near):
            distance, nearest = cKDTree(xyz[near]).query(places)
            points[by_place] = np.where(distance <= radius, near[nearest], -1)

    pairs = _disagreeing_pairs(clicks, points, by_place, xyz, radius)
    labels = np.full(len(xyz), UNLABELED, dtype=np.int64)
    hit = points >= 0
    labels[points[hit]] = np.array([click.label for click in clicks], dtype=np.int64)[hit]
    labels[[points[i] for pair in pairs for i in pair]] = UNLABELED
    missed = [click for click, point in zip(clicks, points) if point < 0]
    return ResolvedClicks(labels, list(clicks), points, missed, [(clicks[i], clicks[j]) for i, j in pairs])


def click_table(resolved: Dict[str, ResolvedClicks], classes: Sequence[str]) -> Table:
    """Labelled points of each class and file, for a terminal.

    Args:
        resolved: what :func:`resolve_clicks` returned for each file.
        classes: K names; those that nobody clicked are left out.
    """
    counts = {file: Counter(result.labels[result.labels >= 0].tolist()) for file, result in resolved.items()}
    used = sorted(set().union(*counts.values()))
    table = Table(title='Labelled points', caption='missed and disagreeing clicks label nothing')
    table.add_column('file')
    for name in [*(classes[label] for label in used), 'missed', 'disagreeing']:
        table.add_column(name, justify='right')
    for file, result in resolved.items():
        numbers = [*(counts[file][label] for label in used), len(result.missed), len(result.disagreeing)]
        table.add_row(file, *map(str, numbers))
    return table


def click_complaints(resolved: Dict[str, ResolvedClicks], classes: Sequence[str]) -> List[str]:
    """One sentence for each click that hit nothing and for each pair that disagrees."""
    lines = []
    for file, result in resolved.items():
        for click in result.missed:
            lines.append(f'{file}: the click {_describe(click, classes)} hits no point.')
        for first, second in result.disagreeing:
            lines.append(f'{file}: the clicks {_describe(first, classes)} and {_describe(second, classes)} disagree; '
                         'neither is used.')
    return lines


def _disagreeing_pairs(clicks: Sequence[Click], points: np.ndarray, by_place: np.ndarray, xyz: np.ndarray,
                       radius: float) -> List[Tuple[int, int]]:
    hits = np.flatnonzero(points >= 0)
    if len(hits) < 2:
        return []
    pairs = cKDTree(xyz[points[hits]]).query_pairs(radius, output_type='ndarray')
    pairs = [(int(hits[i]), int(hits[j])) for i, j in pairs]
    return sorted((i, j) for i, j in pairs if clicks[i].label != clicks[j].label
                  and (points[i] == points[j] or by_place[i] and by_place[j]))


def _rows(path: Path) -> List[Tuple[str, dict]]:
    """Each row as a dictionary, after the place that an error about it names."""
    if path.suffix.lower() not in ('.csv', '.json'):
        raise ClickError(f'{path}: clicks come as .csv or .json.')
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            if path.suffix.lower() == '.csv':
                reader = csv.DictReader(file, skipinitialspace=True)
                return [(f'{path}, line {reader.line_num}', row) for row in reader]
            rows = json.load(file)
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise ClickError(f'Cannot read the clicks {path}: {error}') from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ClickError(f'{path}: a list of objects is needed, such as '
                         '[{"file": "a.las", "index": 7, "class": "ground"}].')
    return [(f'{path}, click {number}', row) for number, row in enumerate(rows, start=1)]


def _class_names(rows: Sequence[Tuple[str, dict]]) -> List[str]:
    return list(dict.fromkeys(str(row['class']).strip() for _, row in rows if row.get('class') not in ('', None)))


def _check_columns(where: str, row: dict) -> None:
    if missing := sorted({'file', 'class'} - set(row)):
        raise ClickError(f'{where}: there is no column {" and no column ".join(missing)}.')


def _click(where: str, row: dict, classes: Sequence[str]) -> Click:
    given = {key for key, value in row.items() if value not in ('', None)}
    _check_columns(where, row)
    if missing := sorted({'file', 'class'} - given):
        raise ClickError(f'{where}: no value for {" and ".join(missing)}.')
    some = given & set(COORDINATES)
    if len(some) in (1, 2):
        raise ClickError(f'{where}: x, y and z belong together, but only {", ".join(sorted(some))} is there.')
    if not some and 'index' not in given:
        raise ClickError(f'{where}: a click needs x, y and z, or index.')
    xyz = None
    if some:
        x, y, z = (_number(where, row, name) for name in COORDINATES)
        xyz = (x, y, z)
    index = _number(where, row, 'index') if 'index' in given else None
    if index is not None and (index != int(index) or index < 0):
        raise ClickError(f'{where}: index {row["index"]!r} is not a whole number from 0.')
    file = str(row['file']).strip().replace('\\', '/')
    return Click(file, _label(where, row['class'], classes), xyz, None if index is None else int(index))


def _label(where: str, name: object, classes: Sequence[str]) -> int:
    name = str(name).strip()
    if name in classes:
        return list(classes).index(name)
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    raise ClickError(f'{where}: unknown class {name!r}; the classes are {", ".join(classes)}, or 0 to '
                     f'{len(classes) - 1}.')


def _number(where: str, row: dict, name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ClickError(f'{where}: {name} is {row[name]!r}, not a number.')
    return value


def _describe(click: Click, classes: Sequence[str]) -> str:
    place = f'point {click.index}' if click.xyz is None else '({:g}, {:g}, {:g})'.format(*click.xyz)
    return f'{classes[click.label]!r} at {place}'
