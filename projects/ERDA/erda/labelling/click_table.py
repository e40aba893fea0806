"""The table of clicks that the page writes: what a person has said of points, on the disk before the page shows it."""
import contextlib
import csv
import fcntl
import io
import os
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..clouds.click_tables import number_in, read_rows
from ..files.whole_file import write_whole

TABLE = 'round_page.csv'  # sorts behind round_1.csv and its like, so that what is said on the page counts
HEADER = ('file', 'index', 'x', 'y', 'z', 'class')
CANNOT_TELL = ''
BACKUP = '.bak'

PointKey = Tuple[str, int]  # name of the file, number of the point


class Answer(NamedTuple):
    """What a person has said of a point: a class, ``VOID`` or ``CANNOT_TELL``; and where it is, metres."""
    text: str
    xyz: Tuple[float, float, float]


Answers = Dict[PointKey, Answer]
Changes = Mapping[PointKey, Optional[Answer]]  # None: nothing is said any more


class _Row(NamedTuple):
    """A line of the table; without key and answer if it has no file, number and place."""
    cells: List[str]
    key: Optional[PointKey] = None
    answer: Optional[Answer] = None


class ClickTable:
    """The table in a folder of clicks, which may change at any time: other pages and programs write it, too.

    Args:
        folder: of the clicks; made with the first answer.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / TABLE

    def read(self) -> Answers:
        """The answers of rows that have file, number and place; the others are left to the reader of clicks.

        Raises:
            ClickError: if it cannot be read.
        """
        return {row.key: row.answer for row in self._rows() if row.key is not None and row.answer is not None}

    def change(self, changes: Changes) -> Dict[PointKey, Optional[Answer]]:
        """Say, or take back, something of points. It is on the disk when this returns, or all is as it was.

        Returns: what was said of these points before.

        Raises:
            ClickError: if the table cannot be read.
            OSError: if it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            for part in self.path.parent.glob(f'{TABLE}.*.part'):  # of a command that was killed
                part.unlink(missing_ok=True)
            rows = self._rows()
            if self.path.exists() and (content := self.path.read_bytes()) != _as_bytes(rows):
                # Another program may have added columns and comments, which are not written again.
                write_whole(self.path.with_name(self.path.name + BACKUP), content)
            said = {row.key: row.answer for row in rows}
            kept = [row if row.key is None or row.key not in changes else _row(row.key, changes[row.key])
                    for row in rows]
            new = [_row(key, answer) for key, answer in changes.items() if key not in said]
            write_whole(self.path, _as_bytes([row for row in (*kept, *new) if row is not None]))
        return {key: said.get(key) for key in changes}

    def _rows(self) -> List[_Row]:
        if not self.path.exists():
            return []
        rows = []
        for _, cells in read_rows(self.path):
            try:
                x, y, z = (number_in(cells[axis]) for axis in 'xyz')
                row = _row((cells['file'], int(cells['index'])), Answer(cells['class'], (x, y, z)))
            except (KeyError, ValueError):
                row = None
            rows.append(row or _Row([cells.get(name, '') for name in HEADER]))
        return rows

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands on one folder take turns."""
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class History:
    """Changes that can be undone and done again, unless somebody else has changed the same points since."""

    def __init__(self, table: ClickTable) -> None:
        self._table = table
        self._done: List[Tuple[Changes, Changes]] = []  # before, after
        self._undone: List[Tuple[Changes, Changes]] = []

    def change(self, changes: Changes) -> None:
        """Raises what :meth:`ClickTable.change` raises."""
        before = self._table.change(changes)
        self._done.append((before, dict(changes)))
        self._undone.clear()

    def undo(self) -> Optional[Changes]:
        """Take back the last change; what was done, or ``None`` if there is nothing or it was changed elsewhere."""
        return self._move(self._done, self._undone, 1)

    def redo(self) -> Optional[Changes]:
        """Do again what was undone last."""
        return self._move(self._undone, self._done, 0)

    def _move(self, source: List[Tuple[Changes, Changes]], target: List[Tuple[Changes, Changes]],
              now: int) -> Optional[Changes]:
        """Go from one side of the last change of a list to the other.

        Args:
            source: list that it leaves.
            target: list that it joins.
            now: which side of it the table should show.
        """
        if not source:
            return None
        step = source.pop()
        answers = self._table.read()
        if any(_said(answers.get(key)) != _said(answer) for key, answer in step[now].items()):
            return None
        self._table.change(step[1 - now])
        target.append(step)
        return step[1 - now]


def _said(answer: Optional[Answer]) -> Optional[str]:
    return None if answer is None else answer.text


def _row(key: PointKey, answer: Optional[Answer]) -> Optional[_Row]:
    if answer is None:
        return None
    return _Row([key[0], str(key[1]), *(f'{value:.6f}' for value in answer.xyz), answer.text], key, answer)


def _as_bytes(rows: Sequence[_Row]) -> bytes:
    table = io.StringIO()
    csv.writer(table, lineterminator='\n').writerows([HEADER, *(row.cells for row in rows)])
    return table.getvalue().encode()
