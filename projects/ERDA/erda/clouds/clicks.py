"""Clicks on the files of a folder, found without holding a whole file."""
import logging
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import print_log
from scipy.spatial import cKDTree

from ..files.data_error import DataError
from ..weak_labels.click_labels import Click, ResolvedClicks, click_complaints, clicks_of, read_clicks, resolve_clicks
from .cloud_files import iter_point_cloud
from .description import Description

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


def read_folder_clicks(description: Description) -> List[Click]:
    """The clicks of a description.

    Raises:
        DataError: if a click's file is none of any split.
        ClickError: if the file of clicks cannot be read.
    """
    assert description.clicks is not None  # the caller has looked
    clicks = read_clicks(description.clicks, list(description.classes))
    files = [description.root / file for split, named in description.splits.items() if named
             for file in description.files(split)]
    for name in dict.fromkeys(click.file for click in clicks):
        if not any(clicks_of([click for click in clicks if click.file == name], path) for path in files):
            raise DataError(f'{description.clicks}: {name} is no file of any split in {description.root}. Correct the '
                            'name, or add the file to the splits.')
    return clicks


def clicked_points(description: Description, clicks: Sequence[Click],
                   files: Dict[str, Iterable[NumberedPoints]]) -> Dict[str, ClickedPoints]:
    """The points of each file that its clicks label; clicks that hit nothing or disagree are logged.

    Args:
        description: of the folder.
        clicks: of all files.
        files: points of each file, by its path relative to the root; a point may come twice.

    Raises:
        DataError: if no point of any file gets a label.
    """
    found = {}
    for file, points in files.items():
        of_file = clicks_of(clicks, description.root / file)
        index, resolved = _resolve(of_file, points, description.click_radius) if of_file else (np.empty(0, int), None)
        if resolved is not None:
            for complaint in click_complaints({file: resolved}, list(description.classes)):
                print_log(complaint, logger='current', level=logging.WARNING)
        labels = np.empty(0, int) if resolved is None else resolved.labels
        labelled = labels >= 0
        found[file] = ClickedPoints(index[labelled], labels[labelled])
    if not any(len(points.index) for points in found.values()):
        raise DataError(f'{description.clicks}: no click labels a point of {", ".join(list(files)[:3])}'
                        f'{", ..." if len(files) > 3 else ""}. Check its coordinates and click_radius '
                        f'({description.click_radius:g} m).')
    return found


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
    return index, resolve_clicks(moved, np.concatenate(near_xyz)[first], radius)
