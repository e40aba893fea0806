"""Clicks on the files of a folder, found without holding a whole file."""
import functools
import io
import logging
from pathlib import Path
from typing import Dict, Iterable, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import print_log
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree

from ..files.data_error import DataError
from ..weak_labels.click_labels import (
    Click,
    ClickError,
    ResolvedClicks,
    click_complaints,
    click_table,
    resolve_clicks,
)
from .click_files import ClickClasses, FolderClicks, find_click_files, read_clicks
from .cloud_files import iter_point_cloud
from .description import DESCRIPTION, Description, numbers_among

NumberedPoints = Tuple[np.ndarray, np.ndarray]  # numbers in the file [n] and coordinates [n, 3]


class ClickedPoints(NamedTuple):
    """Labelled points of a file: numbers ``[M]`` int64, ascending, and classes ``[M]`` int64."""
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    label: np.ndarray

    def labels_of(self, index: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Labels ``[n]`` of the points with these numbers: the click's, or else the one given."""
        if not len(self.index):
            return otherwise
        place = np.minimum(np.searchsorted(self.index, index), len(self.index) - 1)
        return np.where(self.index[place] == index, self.label[place], otherwise)


def click_classes(description: Description) -> ClickClasses:
    """What clicks may say: the names of a description, and its codes."""
    of_value = description.class_of_value()
    codes = {value: of_value[value] for value in numbers_among(of_value) if of_value[value] < len(description.classes)}
    # A class without a value has the code that files will get for it.
    codes.update((code, label) for label, code in enumerate(description.codes()) if code not in codes)
    return ClickClasses(list(description.classes), codes, numbers_among((*description.unlabelled, *description.void)))


def files_of_splits(description: Description) -> Dict[str, Path]:
    """The files of all splits by their names."""
    return {file: description.root / file for split, named in description.splits.items() if named
            for file in description.files(split)}


def folder_of_rounds(description: Description) -> Path:
    """Where the next round of clicks goes, so that training finds it.

    Raises:
        ClickError: if the description names files of clicks alone.
    """
    for path in reversed(description.clicks):
        if path.is_dir() or not (path.exists() or path.suffix):
            return path
        if path.name == '*.csv':
            return path.parent
    raise ClickError(f'{description.root / DESCRIPTION} names no folder for clicks. Add one to its list, such as '
                     f'clicks: [{", ".join([*(path.name for path in description.clicks), "clicks"])}].')


def read_folder_clicks(description: Description) -> FolderClicks:
    """The clicks of a description.

    Raises:
        ClickError: if there are none, a table cannot be read, or a click's file is none of any split.
    """
    found = find_click_files(description.clicks)
    if not found:
        raise ClickError(f'{", ".join(map(str, description.clicks))} has no table of clicks yet. Let points be '
                         f'suggested: python tools/suggest_points.py {description.root} --budget 200')
    return read_clicks(found, click_classes(description), files_of_splits(description))


def clicked_points(description: Description, clicks: FolderClicks, files: Dict[str, Iterable[NumberedPoints]],
                   with_table: bool = True) -> Dict[str, ClickedPoints]:
    """The points of each file that its clicks label; what they hit, miss and contradict is logged.

    Args:
        description: of the folder.
        clicks: of all files.
        files: points of each file, by its path relative to the root; a point may come twice.
        with_table: whether to log the table, too.

    Raises:
        DataError: if no point of any file gets a label.
    """
    found, all_resolved = {}, {}
    for file, points in files.items():
        found[file], all_resolved[file] = clicked_points_of(clicks.clicks[file], points, description.click_radius)
    names = list(description.classes)
    for complaint in click_complaints(all_resolved, names):
        print_log(complaint, logger='current', level=logging.WARNING)
    if with_table:
        _log_once(_as_text(click_table(all_resolved, names, clicks.skipped)))
    if not any(len(points.index) for points in found.values()):
        raise DataError(f'{", ".join(map(str, description.clicks))}: no click labels a point of '
                        f'{", ".join(list(files)[:3])}{", ..." if len(files) > 3 else ""}. Click there, or check '
                        f'the coordinates and click_radius ({description.click_radius:g} m).')
    return found


def clicked_points_of(clicks: Sequence[Click], points: Iterable[NumberedPoints],
                      radius: float) -> Tuple[ClickedPoints, ResolvedClicks]:
    """The points of one file that its clicks label, and what the clicks hit, miss and contradict.

    Args:
        clicks: those of the file.
        points: of the file; a point may come twice.
        radius: how far a click may be from its point, metres.
    """
    index, resolved = np.empty(0, int), resolve_clicks([], np.empty((0, 3)), radius)
    if clicks:
        index, resolved = _resolve(clicks, points, radius)
    labelled = resolved.labels >= 0
    return ClickedPoints(index[labelled], resolved.labels[labelled]), resolved


@functools.cache
def _log_once(text: str) -> None:
    """A test builds the training data several times over."""
    print_log(text, logger='current')


def _as_text(table: Table) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(table)
    return '\n' + console.file.getvalue()  # type: ignore[attr-defined]


def numbered_points(path: Path, columns: Optional[Sequence[str]] = None) -> Iterable[NumberedPoints]:
    """All points of a file, chunk by chunk; for the columns see :func:`count_points`."""
    start = 0
    for chunk in iter_point_cloud(path, columns=columns):
        yield np.arange(start, start + len(chunk.xyz)), chunk.xyz
        start += len(chunk.xyz)


def _resolve(clicks: Sequence[Click], points: Iterable[NumberedPoints],
             radius: float) -> Tuple[np.ndarray, ResolvedClicks]:
    """Numbers ``[M]`` of the points near a click, and what the clicks say about them."""
    places = np.array([click.xyz for click in clicks if click.xyz is not None]).reshape(-1, 3)
    numbers = [click.index for click in clicks if click.index is not None]
    tree = cKDTree(places) if len(places) else None
    near_index, near_xyz = [np.empty(0, dtype=np.int64)], [np.empty((0, 3))]
    for index, xyz in points:
        near = np.isin(index, numbers)
        if tree is not None:
            box = np.flatnonzero(((xyz >= places.min(0) - radius) & (xyz <= places.max(0) + radius)).all(axis=1))
            # Slightly more than the radius, so that rounding loses no point; resolve_clicks decides.
            near[box] |= np.isfinite(tree.query(xyz[box], distance_upper_bound=1.001 * radius)[0])
        near_index.append(index[near])
        near_xyz.append(xyz[near])
    index, first = np.unique(np.concatenate(near_index), return_index=True)
    position = {number: i for i, number in enumerate(index.tolist())}
    moved = [click._replace(index=position.get(click.index)) for click in clicks]
    # Messages need the numbers in the file.
    return index, resolve_clicks(moved, np.concatenate(near_xyz)[first], radius)._replace(clicks=list(clicks))
