"""The clicks that a command is given, for the files that it is given."""
import logging
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from mmengine.config import Config
from mmengine.logging import print_log

from ..clouds.click_files import ClickClasses, find_click_files, read_clicks
from ..clouds.clicks import ClickedPoints, clicked_points_of, files_of_splits, numbered_points
from ..clouds.description import DESCRIPTION, Description, read_description
from ..clouds.folder_dataset import PointCloudFolderDataset
from ..weak_labels.click_labels import Click, click_complaints

CLICK_RADIUS = Description(Path(), {}, []).click_radius  # where no description says it


def clicks_of_config(cfg: Config) -> Sequence[Path]:
    """Tables, folders or patterns of the clicks that a config trains with; none without a described folder.

    Raises:
        DataError: if the description cannot be read.
    """
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    if dataset.get('type') != PointCloudFolderDataset.__name__:
        return ()
    root = Path(dataset.data_root)
    return read_description(root / dataset.get('ann_file', DESCRIPTION), root).clicks


def clicks_of_files(tables: Iterable[Path], classes: ClickClasses, sources: Iterable[Path],
                    description: Optional[Description] = None) -> Dict[Path, List[Click]]:
    """The clicks of each file, by its resolved path.

    Args:
        tables: files, folders or patterns of clicks.
        classes: what they may say.
        sources: the files that may have clicks.
        description: the files of its splits may have some, too.

    Raises:
        ClickError: if a table cannot be read, or names another file.
    """
    clouds = files_of_splits(description) if description else {}
    known = {path.resolve() for path in clouds.values()}
    clouds.update((str(source), source) for source in sources if source.resolve() not in known)
    found = read_clicks(find_click_files(tables), classes, clouds)
    return {clouds[name].resolve(): clicks for name, clicks in found.clicks.items()}


def clicked_points_of_file(path: Path, clicks: Sequence[Click], classes: Sequence[str], radius: float,
                           columns: Optional[Sequence[str]] = None) -> ClickedPoints:
    """The points of a file that clicks label; those that hit nothing or disagree are logged.

    Args:
        path: file.
        clicks: of the file.
        classes: K names.
        radius: how far a click may be from its point, metres.
        columns: names of the columns of a ``.bin`` file, see :func:`count_points`.
    """
    clicked, resolved = clicked_points_of(clicks, numbered_points(path, columns), radius)
    for complaint in click_complaints({str(path): resolved}, classes):
        print_log(complaint, logger='current', level=logging.WARNING)
    return clicked
