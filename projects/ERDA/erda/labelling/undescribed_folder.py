"""A folder that nobody has described yet is described, if the person wants that."""
from pathlib import Path
from typing import Callable, List

from ..clouds.description import DESCRIPTION
from ..clouds.inspection import assumption_lines
from ..clouds.starter import Wishes, inspect_for, write_starter
from ..files.data_error import DataError


def describe_folder(folder: Path, ask: Callable[[str], str]) -> List[str]:
    """Ask for the classes and write ``erda.yaml`` and a config, as ``prepare_data.py folder --classes`` does.

    Args:
        folder: of point clouds.
        ask: shows a question and returns the answer.

    Returns: sentences on what was written and assumed.

    Raises:
        DataError: if no classes are named, or the folder cannot be described.
    """
    names = ask(f'{folder} has no {DESCRIPTION}. Which classes do you want to find? Names between commas, such as '
                'ground,building,tree; empty to stop: ')
    classes = tuple(name.strip() for name in names.split(',') if name.strip())
    if not classes:
        raise DataError(how_to_describe(folder))
    wishes = Wishes(classes=classes)
    found = inspect_for(folder, wishes)
    starter = write_starter(found, wishes)
    notes = [*filter(None, [found.left_out]), *assumption_lines(found), *starter.remarks]
    return [*(f'Written: {path}' for path in starter.written), *(f'Note: {note}' for note in notes)]


def how_to_describe(folder: Path) -> str:
    """What to do with a folder without a description."""
    return (f'{folder} has no {DESCRIPTION}, which says what the classes are. Write it with: python '
            f'tools/prepare_data.py folder {folder} --classes ground,building,tree')
