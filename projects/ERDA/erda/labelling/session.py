"""One folder that is being labelled: the open file, what is said of its points, and what comes next."""
import glob
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..clouds.click_files import VOID
from ..clouds.clicks import folder_of_rounds
from ..clouds.description import DESCRIPTION, Description, read_description
from ..files.data_error import DataError
from ..inference.candidate_features import PointPredictions
from ..inference.suggestion import name_files
from ..weak_labels.click_labels import Click
from ..weak_labels.label_propagation import PropagatedLabels
from ..weak_labels.point_suggestion import Candidates
from .click_table import Answer, Answers, Changes, ClickTable, History
from .file_labels import FileLabels, labels_of_file, read_folder_labels
from .picking import Camera, point_on_ray, points_in_rectangle
from .shown_cloud import MAX_POINTS, ShownCloud, read_shown
from .suggestions import Queue, SuggestedPoint, suggest_next

MOST_IN_RECTANGLE = 2000  # points
BY_PLACE = 50  # labels; from then on the propagation says where it is unsure
Signature = Dict[str, Tuple[int, int]]


class Session:
    """What the page shows and does, without the page. One thread at a time may use it.

    Args:
        root: folder with ``erda.yaml``.
        max_points: about how many points of a file are shown.

    Attributes:
        files: by their names.
        classes: K names.
        name: of the open file.
        shown: its points.
        labels: its labelled points.
        counts: labelled points of each class in all files by the tables, ``[K]``.
        answers: what has been said on the page, of all files.
        queue: suggested points of the open file.
        candidates: what may be suggested of it, as soon as somebody has found them.
        result: propagated labels of the shown points, if there are any.
        predictions: of a network, times what the clicks say, if there is one.

    Raises:
        DataError: if the description cannot be used.
    """

    def __init__(self, root: Path, max_points: int = MAX_POINTS) -> None:
        self.description: Description = read_description(root / DESCRIPTION)
        self.files = name_files([root])
        self.classes = list(self.description.classes)
        self.max_points = max_points
        self.table = ClickTable(folder_of_rounds(self.description))
        self.history = History(self.table)
        self.name = ''
        self.answers: Answers = {}
        self._clicks: Mapping[str, Sequence[Click]] = {}
        self._seen: Signature = {}
        self.shown: Optional[ShownCloud] = None
        self.labels: Optional[FileLabels] = None
        self.queue = Queue()
        self.candidates: Optional[Candidates] = None
        self.result: Optional[PropagatedLabels] = None
        self.predictions: Optional[PointPredictions] = None

    def open(self, name: str) -> None:
        """Open a file.

        Raises:
            DataError: if it, or a table of clicks, cannot be read; then the other file stays open.
        """
        self._read_tables()
        wanted = {click.index for click in self._clicks[name] if click.index is not None}
        shown = read_shown(self.files[name], self.max_points, wanted, self.description.columns)
        self.name, self.shown, self.queue = name, shown, Queue()
        self.candidates, self.result, self.predictions = None, None, None
        self._read_labels()

    @property
    def counts(self) -> np.ndarray:
        """``[K]`` int64, clicks of each class on all files."""
        said = [click.label for clicks in self._clicks.values() for click in clicks]
        return np.bincount(np.array(said, dtype=np.int64), minlength=len(self.classes))

    # What a person does.

    def change(self, texts: Mapping[int, Optional[str]]) -> None:
        """Say something of shown points: a class, ``VOID``, ``''`` if one cannot tell, or ``None`` to take it back.

        Args:
            texts: by the number of the point.

        Raises:
            DataError: if a table cannot be read.
            OSError: if the table of the page cannot be written; then nothing is said.
        """
        shown = self._open_cloud()
        index = np.array(list(texts), dtype=np.int64)
        rows = shown.rows_of(index)
        changes = {}
        for number, row, text in zip(index.tolist(), rows.tolist(), texts.values()):
            x, y, z = shown.cloud.xyz[row].tolist()
            changes[self.name, number] = None if text is None else Answer(text, (x, y, z))
        self._read_tables()  # no change beside a table that training would refuse
        self.history.change(changes)
        self.reload()

    def answer(self, text: str) -> None:
        """Say what the suggested point is, and go on to the next one."""
        if self.queue.current is None:
            raise DataError('No suggested point is looked at. Go to the next one first.')
        self.change({self.queue.current.index: text})
        self.move(1)

    def move(self, steps: int) -> Optional[SuggestedPoint]:
        """Go to the next or the previous suggested point.

        Raises:
            DataError: if there is none, or they are still being found.
        """
        if steps > 0 and self.queue.is_at_end:
            self.queue.extend(self._suggest())
        point = self.queue.move(steps)
        if point is None:
            raise DataError('There is nothing left to suggest: every place has been looked at.')
        return point

    def pick(self, origin: np.ndarray, direction: np.ndarray) -> Optional[int]:
        """Number of the point that a ray meets, in the coordinates of the scene."""
        shown = self._open_cloud()
        row = point_on_ray(shown.xyz, origin, direction, shown.spacing)
        return None if row is None else int(shown.index[row])

    def label_ray(self, origin: np.ndarray, direction: np.ndarray, text: str) -> None:
        """A free click: label the point that a ray meets."""
        if (index := self.pick(origin, direction)) is None:
            raise DataError('No point is there.')
        self.change({index: text})

    def label_rectangle(self, camera: Camera, low: Tuple[float, float], high: Tuple[float, float], text: str) -> int:
        """Label the points in a rectangle that nothing hides; how many they are."""
        shown = self._open_cloud()
        rows = points_in_rectangle(shown.xyz, camera, low, high, shown.spacing)
        if len(rows) > MOST_IN_RECTANGLE:
            raise DataError(f'{len(rows):,} points are in this rectangle, and more than {MOST_IN_RECTANGLE:,} at a '
                            'time are no longer clicks. Draw a smaller one.')
        if not len(rows):
            raise DataError('No point is there.')
        self.change(dict.fromkeys(shown.index[rows].tolist(), text))
        return len(rows)

    def remove_at_ray(self, origin: np.ndarray, direction: np.ndarray) -> None:
        """Take back the label of the point that a ray meets."""
        shown, labels = self._open_cloud(), self._labels()
        row = point_on_ray((labels.xyz - shown.origin).astype(np.float32), origin, direction, 2 * shown.spacing)
        if row is None:
            raise DataError('No labelled point is there.')
        self.remove(int(labels.index[row]))

    def remove(self, index: int) -> None:
        """Take back what was said of a point."""
        if (self.name, index) not in self.answers:
            raise DataError(f'Point {index} has its label from another table than {self.table.path}. Remove it there, '
                            'or give it another label here.')
        self.change({index: None})

    def undo(self) -> None:
        """Take back the last change."""
        self._look_at(self.history.undo(), 'undone')

    def redo(self) -> None:
        """Do again what was undone."""
        self._look_at(self.history.redo(), 'done again')

    # What happens meanwhile.

    def reload(self) -> None:
        """Read all tables again. Raises DataError if one of them is wrong; what was known is still shown."""
        self._read_tables()
        self._read_labels()

    def tables_have_changed(self) -> bool:
        """Whether somebody else has written clicks since they were read."""
        return self._signature() != self._seen

    def current_text(self) -> Optional[str]:
        """What has been said of the point that is looked at: ``None`` if nothing."""
        point = self.queue.current
        if point is None:
            return None
        answer = self.answers.get((self.name, point.index))
        if answer is not None:
            return answer.text
        labels = self._labels()
        found = np.flatnonzero(labels.index == point.index)
        return [*self.classes, VOID][labels.label[found[0]]] if len(found) else None

    def labelled_rows(self) -> Tuple[np.ndarray, np.ndarray]:
        """Rows of the shown points that have a class, and their classes."""
        labels = self._labels().of_classes(len(self.classes))
        rows = self._open_cloud().rows_of(labels.index)
        return rows[rows >= 0], labels.label[rows >= 0]

    def _suggest(self) -> List[SuggestedPoint]:
        if self.candidates is None:
            raise DataError('Points to suggest are still being found. Try again in a moment.')
        return suggest_next(self.candidates, self._labels().answered, self._doubt())

    def _doubt(self) -> Optional[np.ndarray]:
        shown, candidates = self._open_cloud(), self.candidates
        assert candidates is not None  # the caller has looked
        rows = shown.rows_of(candidates.index)
        if self.predictions is not None:
            return self.predictions.entropy[rows]
        if self.result is not None and len(self._labels().index) >= BY_PLACE:
            return 1 - self.result.confidence[rows]
        return None

    def _look_at(self, changes: Optional[Changes], what: str) -> None:
        self.reload()
        if changes is None:
            raise DataError(f'Nothing can be {what}.')
        for name, index in changes:
            if name == self.name and self.queue.go_to(index):
                return

    def _read_tables(self) -> None:
        self._seen = self._signature()
        clicks, answers = read_folder_labels(self.description), self.table.read()
        self._clicks, self.answers = clicks, answers

    def _read_labels(self) -> None:
        if self.shown is not None:
            self.labels = labels_of_file(self.name, self._clicks[self.name], self.answers, self.shown, self.description)

    def _signature(self) -> Signature:
        paths = [Path(match) for given in self.description.clicks
                 for match in glob.glob(str(given / '*') if given.is_dir() else str(given))]
        found = {}
        for path in paths:
            try:
                stat = path.stat()
            except OSError:  # gone meanwhile
                continue
            found[str(path)] = stat.st_mtime_ns, stat.st_size
        return found

    def _open_cloud(self) -> ShownCloud:
        if self.shown is None:
            raise DataError('No file is open. Choose one.')
        return self.shown

    def _labels(self) -> FileLabels:
        assert self.labels is not None  # opening a file reads them
        return self.labels

