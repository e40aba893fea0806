"""Writing synthetic data: a folder that remembers its parameters, and several processes."""
import json
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from .progress import Progress
from .whole_file import write_whole


def claim_folder(root: Path, manifest_name: str, parameters: dict, foreign: Callable[[Path], bool]) -> None:
    """Check that ``root`` belongs to these parameters, or is free and can be given to them.

    Args:
        root: folder for one set of data, made if it is not there.
        manifest_name: file in it that remembers the parameters.
        parameters: what decides the bytes of the data, as JSON has it.
        foreign: whether a folder without a manifest holds data that were not made here.

    Raises:
        ValueError: if ``root`` holds data made with other parameters or by something else.
    """
    asked = json.loads(json.dumps(parameters))  # tuples become lists, as they will be when read back
    manifest = root / manifest_name
    if not manifest.exists():
        if foreign(root):
            raise ValueError(f'{root} holds data that were not made here (no {manifest_name} beside them). Choose '
                             'another folder; nothing was written.')
        root.mkdir(parents=True, exist_ok=True)
        write_whole(manifest, (json.dumps(asked, indent=2) + '\n').encode())
        return
    try:
        found = json.loads(manifest.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f'{manifest} is not readable ({error}). Delete {root} or choose another folder.') from error
    different = [f'{name} is {found.get(name)} there, {asked.get(name)} asked'
                 for name in sorted(asked.keys() | found.keys()) if found.get(name) != asked.get(name)]
    if different:
        raise ValueError(f'{root} holds data made with other parameters ({"; ".join(different)}). Delete that folder, '
                         'choose another, or ask for the same parameters.')


def run_in_processes(function: Callable[..., None], calls: Sequence[tuple[Any, ...]], workers: int, description: str,
                     progress: bool = True) -> None:
    """Call ``function`` with each tuple of arguments; an error or Ctrl-C drops the calls that have not begun."""
    if not calls:
        return
    # Fork where it is safe: a spawned worker would import everything that `erda` registers.
    context = multiprocessing.get_context('fork' if sys.platform == 'linux' else None)
    with ProcessPoolExecutor(min(workers, len(calls)), mp_context=context) as pool:
        jobs = [pool.submit(function, *arguments) for arguments in calls]
        try:
            with Progress(disable=not progress) as bar:
                task = bar.add_task(description, total=len(jobs))
                for job in as_completed(jobs):
                    job.result()
                    bar.advance(task)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
