"""How far long work is: bars on a terminal, and elsewhere, in a log file say, a line every so many seconds."""
import datetime
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from rich import get_console
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

FIRST_LINE = 1.0  # seconds; shorter work says nothing
BETWEEN_LINES = 20.0  # seconds

Item = TypeVar('Item')


class Progress(Bars):
    """A bar of rich for each task; where there is no terminal, a line on all tasks at least every 30 seconds.

    A task with a field ``note`` says that in its line; another how much of it is done, and how long the rest takes at
    the pace since it was added. What an earlier call has done of it is ``before``, and counts for no pace.

    Args:
        columns: of the bars; description, bar, done of total and time left by default.
        console: to show them on; stdout by default.
        disable: show nothing.
    """

    def __init__(self, *columns: ProgressColumn, console: Console | None = None, disable: bool = False) -> None:
        console = console or get_console()
        live = console.is_interactive or console.is_jupyter
        columns = columns or (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                              TimeRemainingColumn(elapsed_when_finished=True))
        super().__init__(*columns, console=console, disable=disable or not live)
        self._writes_lines = not disable and not live
        self._stopped = threading.Event()
        self._writer: threading.Thread | None = None

    def start(self) -> None:
        super().start()
        if self._writes_lines and self._writer is None:
            self._writer = threading.Thread(target=self._write_lines, daemon=True)
            self._writer.start()

    def stop(self) -> None:
        super().stop()
        if self._writer is not None:
            self._stopped.set()
            self._writer.join()

    def _write_lines(self) -> None:
        pause = FIRST_LINE
        while not self._stopped.wait(pause):
            pause = BETWEEN_LINES
            if tasks := self.tasks:
                self.console.print('; '.join(map(_in_words, tasks)), markup=False, highlight=False, soft_wrap=True)


def track(items: Iterable[Item], description: str = 'Working', disable: bool = False) -> Iterator[Item]:
    """The items, with a progress bar or lines.

    Args:
        items: to go through.
        description: of what is done with them.
        disable: show nothing.
    """
    with Progress(disable=disable) as progress:
        yield from progress.track(items, description=description)


def time_left(seconds: float) -> str:
    """In words, to the second."""
    return f'about {datetime.timedelta(seconds=round(seconds))} left'


def _in_words(task: Task) -> str:
    fields: dict[str, Any] = task.fields
    if 'note' in fields:
        return f'{task.description}: {fields["note"]}'
    if task.total is None:
        return f'{task.description}: {task.completed:,.0f}'
    text = f'{task.description}: {task.completed:,.0f} of {task.total:,.0f}'
    done = task.completed - fields.get('before', 0)
    if done <= 0 or task.elapsed is None or task.finished:
        return text
    return f'{text}, {time_left(task.elapsed * (task.total - task.completed) / done)}'
