"""The point clouds of a folder that a command is given."""
import logging
from pathlib import Path
from typing import List

from ..clouds.cloud_files import SUFFIXES
from ..clouds.description import DESCRIPTION, read_description
from ..clouds.listing import look_through
from .errors import InferenceError


def cloud_files(folder: Path) -> List[Path]:
    """What :func:`look_through` finds beside the clicks of the folder's ``erda.yaml``, if it has one.

    What is not read is logged.

    Raises:
        InferenceError: if there is none.
        DataError: if ``erda.yaml`` cannot be used.
    """
    clicks = read_description(folder / DESCRIPTION).clicks if (folder / DESCRIPTION).is_file() else ()
    listing = look_through(folder, clicks)
    if not listing.clouds:
        raise InferenceError(f'{folder} has no file of a known format ({", ".join(SUFFIXES)}).')
    if left_out := listing.sentence(folder):
        logging.getLogger(__name__).warning(left_out)
    return listing.clouds
