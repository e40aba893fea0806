"""What all tables of clicks of a folder say about the points of one file."""
from typing import Dict, List, NamedTuple, Sequence

import numpy as np

from ..clouds.click_files import VOID, find_click_files, read_clicks
from ..clouds.clicks import click_classes, clicked_points_of, files_of_splits
from ..clouds.description import Description
from ..clouds.las_classes import folded
from ..weak_labels.click_labels import Click, click_complaints
from .click_table import Answers
from .shown_cloud import ShownCloud


class FileLabels(NamedTuple):
    """M labelled points.

    Attributes:
        index: ``[M]`` int64, their numbers in the file, ascending.
        label: ``[M]`` int64, a class 0 to K-1, or K for void.
        xyz: ``[M, 3]`` float64, in the coordinates of the file.
        answered: ``[A, 3]`` float64, places of which something has been said, if only that one cannot tell.
        complaints: sentences on clicks that hit nothing or contradict each other.
    """
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    label: np.ndarray
    xyz: np.ndarray
    answered: np.ndarray
    complaints: List[str]

    def of_classes(self, num_classes: int) -> 'FileLabels':
        """Those that are not void."""
        kept = self.label < num_classes
        return self._replace(index=self.index[kept], label=self.label[kept], xyz=self.xyz[kept])


def read_folder_labels(description: Description) -> Dict[str, List[Click]]:
    """The clicks on all files.

    Raises:
        ClickError: if a table cannot be read, or a row is wrong.
    """
    tables = find_click_files(description.clicks)
    return read_clicks(tables, click_classes(description), files_of_splits(description), may_be_none=True).clicks


def labels_of_file(name: str, clicks: Sequence[Click], answers: Answers, shown: ShownCloud,
                   description: Description) -> FileLabels:
    """The labelled points of a file, as training will see them.

    A place is looked for among the points that are shown, which for a large file are not all.

    Args:
        name: of the file in the tables.
        clicks: those on it in all tables.
        answers: what has been said on the page of all files.
        shown: the file.
        description: of the folder.
    """
    here = {index: answer for (file, index), answer in answers.items() if file == name}
    numbers = [click.index for click in clicks if click.index is not None]
    places = np.array([click.xyz for click in clicks if click.index is None]).reshape(-1, 3)
    rows = shown.rows_of(np.unique(np.array(numbers, dtype=np.int64)))
    rows = np.union1d(rows[rows >= 0], _rows_near(shown.cloud.xyz, places, description.click_radius))
    known = dict(zip(shown.index[rows].tolist(), shown.cloud.xyz[rows]))
    for click in clicks:
        if click.index is not None and click.xyz is not None and click.index not in known:
            known[click.index] = np.array(click.xyz)
    index = np.array(sorted(known), dtype=np.int64)
    xyz = np.array([known[number] for number in index.tolist()]).reshape(-1, 3)
    clicked, resolved = clicked_points_of(clicks, [(index, xyz)], description.click_radius)

    labels = dict(zip(clicked.index.tolist(), clicked.label.tolist()))
    labels.update((number, len(description.classes)) for number, answer in here.items() if folded(answer.text) == VOID)
    known.update((number, np.array(answer.xyz)) for number, answer in here.items() if number not in known)
    found = np.array(sorted(labels), dtype=np.int64)
    return FileLabels(found, np.array([labels[number] for number in found.tolist()], dtype=np.int64),
                      np.array([known[number] for number in found.tolist()]).reshape(-1, 3),
                      np.array([known[number] for number in sorted({*labels, *here})]).reshape(-1, 3),
                      click_complaints({name: resolved}, list(description.classes)))


def _rows_near(xyz: np.ndarray, places: np.ndarray, radius: float) -> np.ndarray:
    rows = [np.empty(0, dtype=np.int64)]
    for place in places:
        box = np.flatnonzero((np.abs(xyz - place) <= radius).all(axis=1))
        rows.append(box[np.square(xyz[box] - place).sum(axis=1) <= (1.001 * radius)**2])
    return np.unique(np.concatenate(rows))
