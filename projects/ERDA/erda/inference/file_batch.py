"""Labels many files, one after the other, with a bar for each stage; a file that cannot be labelled ends nothing."""
import sys
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..files.progress import Progress
from .errors import why_not_labelled
from .file_pairs import FilePair

Advance = Callable[[str, int, int], None]
Say = Callable[[str], None]


def label_files(pairs: Sequence[FilePair], label: Callable[[Path, Path, Advance, Say], None],
                max_points: int) -> List[str]:
    """Label files; what becomes of each is printed.

    Args:
        pairs: files and where they go.
        label: is called with source, target, what to tell progress to (a stage, points just done, and all points, 0
            while they are not known), and what to say sentences to.
        max_points: of a block.

    Returns: a sentence for each file that is not labelled.
    """
    errors: List[str] = []
    columns = (TextColumn('{task.description}'), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        say = partial(progress.console.print, markup=False, highlight=False, soft_wrap=True)
        files = progress.add_task(f'{len(pairs)} files', total=len(pairs))
        for source, target in pairs:
            bars: Dict[str, TaskID] = {}
            try:
                label(source, target, partial(_show, progress, bars, escape(source.name)), say)
                say(f'{source} -> {target}')
            except Exception as error:  # whatever it is, the other files are labelled
                errors.append(why_not_labelled(source, error, max_points))
            for bar in bars.values():
                progress.remove_task(bar)
            progress.advance(files)
    return errors


def end_with(errors: Sequence[str], count: int) -> None:
    """Print what is not labelled of so many files; then the exit status is 1."""
    for message in errors:
        print(message, file=sys.stderr)
    if errors:
        print(f'{len(errors)} of {count} files are not labelled.', file=sys.stderr)
        sys.exit(1)


def _show(progress: Progress, bars: Dict[str, TaskID], name: str, stage: str, points: int, total: int) -> None:
    """One bar for each stage of a file, which appears when the stage begins."""
    if stage not in bars:
        bars[stage] = progress.add_task(f'{name}: {stage}', total=total or None)
    progress.advance(bars[stage], points)
