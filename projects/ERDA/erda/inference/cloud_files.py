"""The point clouds of a folder, and nothing else that looks like one."""
from pathlib import Path
from typing import List

from ..datasets.point_cloud_description import DESCRIPTION, read_description
from ..datasets.point_cloud_files import SUFFIXES
from ..weak_labels.suggestion_files import CLOUD_SUFFIX, TABLE
from .errors import InferenceError


def cloud_files(folder: Path) -> List[Path]:
    """Files that can be read, at any depth, sorted; without hidden ones, unfinished ones, suggested points and clicks.

    Raises:
        InferenceError: if there is none.
        DataError: if the folder's ``erda.yaml`` cannot be used.
    """
    clicks = read_description(folder / DESCRIPTION).clicks if (folder / DESCRIPTION).is_file() else None
    found = []
    for path in sorted(folder.rglob('*')):
        hidden = any(part.startswith('.') for part in path.relative_to(folder).parts)
        other = path.name == TABLE or path.name.endswith(CLOUD_SUFFIX) or path.stem.endswith('.part') or path == clicks
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and not other:
            found.append(path)
    if not found:
        raise InferenceError(f'{folder} has no file of a known format ({", ".join(SUFFIXES)}).')
    return found
