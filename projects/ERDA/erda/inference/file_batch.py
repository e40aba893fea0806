"""Labels many files, in any number of processes, with a bar for each stage; a bad file ends nothing."""
import sys
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..files.progress import Progress
from .batch_records import BatchRecords
from .errors import why_not_labelled
from .file_pairs import FilePair
from .processes import Process, shares

Advance = Callable[[str, int, int], None]
Say = Callable[[str], None]


class Batch(NamedTuple):
    """What several processes label, and what this one does of it.

    Attributes:
        pairs: files of all processes and where they go.
        mine: those of this process.
        left: those of them that are not complete yet.
        records: of the outputs.
        process: this one.
    """
    pairs: Sequence[FilePair]
    mine: Sequence[FilePair]
    left: Sequence[FilePair]
    records: BatchRecords
    process: Process


def begin_batch(pairs: Sequence[FilePair], records: BatchRecords, process: Process, overwrite: bool) -> Batch:
    """Share files by their sizes, and leave out what an earlier call has completed.

    Raises:
        InferenceError: if an output of this process is there that it should not overwrite.
    """
    sizes = [source.stat().st_size if source.is_file() else 0 for source, _ in pairs]
    mine = [pairs[number] for number in shares(sizes, process.count)[process.number]]
    return Batch(pairs, mine, records.unfinished(mine, overwrite), records, process)


def label_files(batch: Batch, label: Callable[[Path, Path, Advance, Say], None], max_points: int) -> List[str]:
    """Label the files that are left to this process; what becomes of each is printed.

    Args:
        batch: the files.
        label: is called with source, target, what to tell progress to (a stage, points just done, and all points, 0
            while they are not known), and what to say sentences to.
        max_points: of a block.

    Returns: a sentence for each file that is not labelled.
    """
    errors: List[str] = []
    columns = (TextColumn('{task.description}'), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=batch.process.on_machine > 0) as progress:
        say = partial(progress.console.print, markup=False, highlight=False, soft_wrap=True)
        files = progress.add_task(f'{len(batch.left)} files', total=len(batch.left))
        for pair in batch.left:
            source, target = pair
            bars: Dict[str, TaskID] = {}
            try:
                begun = batch.records.begin(pair)
                label(source, target, partial(_show, progress, bars, escape(source.name)), say)
                batch.records.end(pair, begun)
                say(f'{source} -> {target}')
            except Exception as error:  # whatever it is, the other files are labelled
                errors.append(why_not_labelled(source, error, max_points))
            for bar in bars.values():
                progress.remove_task(bar)
            progress.advance(files)
    return errors


def end_with(errors: Sequence[str], batch: Batch) -> None:
    """Print what is labelled and what is not; with errors the exit status is 1.

    Args:
        errors: a sentence for each file of this process that is not labelled.
        batch: the files.
    """
    for message in errors:
        print(message, file=sys.stderr)
    process, before = batch.process, len(batch.mine) - len(batch.left)
    summary = [f'{len(batch.mine) - len(errors)} of {len(batch.mine)} files are labelled']
    summary += [f'{before} of them by an earlier call'] if before else []
    summary += [f'{len(errors)} are not'] if errors else []
    print(f'{f"{process}: " if process.count > 1 else ""}{", ".join(summary)}.', file=sys.stderr)
    process.wait_for_others()
    if process.count > 1 and (process.number == 0 or not process.waits):
        complete = sum(map(batch.records.is_complete, batch.pairs))
        so_far = '' if process.waits else ' so far'
        print(f'All processes{so_far}: {complete} of {len(batch.pairs)} files are labelled.', file=sys.stderr)
    process.wait_for_others()  # torchrun ends all when one ends with an error
    if errors:
        sys.exit(1)


def _show(progress: Progress, bars: Dict[str, TaskID], name: str, stage: str, points: int, total: int) -> None:
    """One bar for each stage of a file, which appears when the stage begins."""
    if stage not in bars:
        bars[stage] = progress.add_task(f'{name}: {stage}', total=total or None)
    progress.advance(bars[stage], points)
