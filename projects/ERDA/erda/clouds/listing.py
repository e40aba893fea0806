"""The point clouds of a folder, and nothing else that looks like one."""
from pathlib import Path
from typing import List, Sequence

from ..weak_labels.suggestion_files import CLOUD_SUFFIX, ROUND
from .cloud_files import SUFFIXES


def list_point_clouds(folder: Path, clicks: Sequence[Path] = ()) -> List[Path]:
    """Files with one of ``SUFFIXES`` at any depth, sorted.

    Left out are hidden and unfinished files, suggested points, and what a labelled copy of a ``.bin`` file has beside
    it in a ``.npz``.

    Args:
        folder: where to look.
        clicks: files, folders or patterns of clicks in it, which are no point clouds.
    """
    return [path for path in sorted(folder.rglob('*'))
            if path.suffix.lower() in SUFFIXES and path.is_file() and _is_cloud(path, folder, clicks)]


def _is_cloud(path: Path, folder: Path, clicks: Sequence[Path]) -> bool:
    hidden = any(part.startswith('.') for part in path.relative_to(folder).parts)
    suggested = path.name.endswith(CLOUD_SUFFIX) or bool(ROUND.fullmatch(path.name))
    beside_bin = path.suffix == '.npz' and path.with_suffix('.bin').is_file()
    own, folder = path.resolve(), folder.resolve()
    given = [each.resolve() for each in clicks]
    is_clicks = any(own.match(str(each)) or (each in own.parents and each not in (folder, *folder.parents))
                    for each in given)
    return not (hidden or suggested or beside_bin or is_clicks or path.stem.endswith('.part'))
