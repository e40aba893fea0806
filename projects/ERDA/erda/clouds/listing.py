"""The point clouds of a folder, and nothing else that looks like one."""
from pathlib import Path
from typing import List, Optional

from ..weak_labels.suggestion_files import CLOUD_SUFFIX, TABLE
from .cloud_files import SUFFIXES


def list_point_clouds(folder: Path, clicks: Optional[Path] = None) -> List[Path]:
    """Files with one of ``SUFFIXES`` at any depth, sorted.

    Left out are hidden and unfinished files, suggested points, and what a labelled copy of a ``.bin`` file has beside
    it in a ``.npz``.

    Args:
        folder: where to look.
        clicks: a file of clicks in it, which is no point cloud.
    """
    return [path for path in sorted(folder.rglob('*'))
            if path.suffix.lower() in SUFFIXES and path.is_file() and _is_cloud(path, folder, clicks)]


def _is_cloud(path: Path, folder: Path, clicks: Optional[Path]) -> bool:
    hidden = any(part.startswith('.') for part in path.relative_to(folder).parts)
    suggested = path.name == TABLE or path.name.endswith(CLOUD_SUFFIX)
    beside_bin = path.suffix == '.npz' and path.with_suffix('.bin').is_file()
    is_clicks = clicks is not None and path.resolve() == clicks.resolve()
    return not (hidden or suggested or beside_bin or is_clicks or path.stem.endswith('.part'))
