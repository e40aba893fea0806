"""The point clouds of a folder that a command is given."""
from pathlib import Path
from typing import List

from ..clouds.cloud_files import SUFFIXES
from ..clouds.description import DESCRIPTION, read_description
from ..clouds.listing import list_point_clouds
from .errors import InferenceError


def cloud_files(folder: Path) -> List[Path]:
    """What :func:`list_point_clouds` finds beside the clicks of the folder's ``erda.yaml``, if it has one.

    Raises:
        InferenceError: if there is none.
        DataError: if ``erda.yaml`` cannot be used.
    """
    clicks = read_description(folder / DESCRIPTION).clicks if (folder / DESCRIPTION).is_file() else ()
    found = list_point_clouds(folder, clicks)
    if not found:
        raise InferenceError(f'{folder} has no file of a known format ({", ".join(SUFFIXES)}).')
    return found
