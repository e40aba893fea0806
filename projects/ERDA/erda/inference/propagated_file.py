"""Labels a point cloud file of any size from clicks alone, without a network."""
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..clouds.click_files import ClickClasses, click_values, find_click_files
from ..clouds.clicks import click_classes
from ..clouds.cloud_files import copy_with_fields, iter_point_cloud
from ..clouds.cloud_format import chunk_bounds
from ..clouds.description import DESCRIPTION, numbers_among, read_description
from ..clouds.las_classes import codes_of_classes
from ..weak_labels.budgets import UNLABELED
from ..weak_labels.click_labels import Click
from .errors import InferenceError
from .given_clicks import CLICK_RADIUS, clicked_points_of_file, clicks_of_files
from .label_file import class_field, label_values, names_in_copy
from .stored_propagation import LAYOUT, GraphSettings, propagate_in_blocks
from .tile_store import TileStore

TILE_SIZE = 50.  # metres
NO_LABEL = (0, 255)  # values for points without a label, the first that stands for no class


class ClickedFiles(NamedTuple):
    """Clicks and what they mean.

    Attributes:
        clicks: of each file, by its resolved path.
        classes: K names.
        values: the value that stands for each class in files.
        unlabelled: the value of points that get no label.
        radius: how far a click may be from its point, metres.
        columns: names of the columns of ``.bin`` files, see :func:`count_points`.
    """
    clicks: Dict[Path, List[Click]]
    classes: List[str]
    values: List[int]
    unlabelled: int
    radius: float
    columns: Optional[Sequence[str]] = None


def read_clicked_files(inputs: Sequence[Path], sources: Sequence[Path],
                       clicks: Optional[Sequence[Path]] = None) -> ClickedFiles:
    """The clicks on given files.

    Args:
        inputs: files and folders; the first folder with ``erda.yaml`` says what the classes and their values are.
            Without one they are those of the clicks, numbered as :func:`codes_of_classes` does.
        sources: the files that are meant.
        clicks: files, folders or patterns of clicks; by default those of the description.

    Raises:
        InferenceError: if nothing names clicks.
        DataError: if the description or the clicks cannot be used.
    """
    described = next((path / DESCRIPTION for path in inputs if (path / DESCRIPTION).is_file()), None)
    description = read_description(described) if described else None
    tables = clicks or (description.clicks if description else ())
    if not tables:
        raise InferenceError(f'{described} names no clicks. Name them there, or with --clicks.' if described else
                             f'No folder that is given has {DESCRIPTION}. Name the clicks with --clicks.')
    if description:
        known, values, no_label = click_classes(description), description.codes(), numbers_among(description.unlabelled)
    else:
        known, no_label = ClickClasses(list(click_values(find_click_files(tables)))), []
        values = codes_of_classes({name: [] for name in known.names}, NO_LABEL)
    unlabelled = next(value for value in [*no_label, *NO_LABEL, *range(1, 255)] if value not in values)
    return ClickedFiles(clicks_of_files(tables, known, sources, description), list(known.names), values, unlabelled,
                        description.click_radius if description else CLICK_RADIUS,
                        description.columns if description else None)


def propagate_file(source: Path,
                   target: Path,
                   clicked: ClickedFiles,
                   min_confidence: float = 0.,
                   voxel_size: Optional[float] = None,
                   max_points: int = LAYOUT.max_points,
                   chunk_points: int = 1_000_000,
                   advance: Callable[[str, int, int], None] = lambda stage, points, total: None,
                   inform: Callable[[str], None] = lambda sentence: None) -> Tuple[str, ...]:
    """Write a copy of a file with the class of every point and its confidence; it appears only when complete.

    Memory is bounded by ``chunk_points`` and ``max_points``, not by the file. A temporary folder beside the target
    holds the coordinates, the intensity and the surfaces.

    Args:
        source: a file that :func:`erda.clouds.cloud_files.iter_point_cloud` reads.
        target: what to write, of the same format.
        clicked: the clicks.
        min_confidence: points below it get no label.
        voxel_size: metres, see :func:`erda.weak_labels.surface_graph.surface_graph`.
        max_points: of a block, margin included.
        chunk_points: points that are read and written at a time.
        advance: called with ``'reading'``, ``'propagating'`` or ``'writing'``, the points just done, and all points (0
            while they are not known).
        inform: called before labels travel with a sentence on each thing that will not be as one expects.

    Returns: sentences about what could not be done.

    Raises:
        PointCloudError: if the source cannot be read or the target cannot be written.
        InferenceError: if no click labels a point of it.
    """
    points = clicked_points_of_file(source, clicked.clicks.get(source.resolve(), []), clicked.classes, clicked.radius,
                                    clicked.columns)
    if not len(points.index):
        raise InferenceError(f'{source}: no click labels a point of it.')
    values = label_values([*clicked.values, clicked.unlabelled])  # UNLABELED is -1, the last of them
    new = {class_field(source): values, 'confidence': np.zeros(len(values), np.float32)}
    names = names_in_copy(source, target, new, inform, columns=clicked.columns)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{target.name}.', dir=target.parent) as folder:
        store = TileStore(Path(folder), TILE_SIZE, 0)
        for chunk in iter_point_cloud(source, chunk_points, clicked.columns):
            if not store.num_points:
                surfaces = GraphSettings.of(chunk)
                surfaces = surfaces._replace(voxel_size=voxel_size or surfaces.voxel_size)
            store.add(chunk, surfaces.fields_with([]))
            advance('reading', len(chunk.xyz), 0)
        result = propagate_in_blocks(store, points, surfaces, Path(tempfile.mkdtemp(dir=folder)),
                                     LAYOUT._replace(max_points=max_points),
                                     lambda count: advance('propagating', count, store.num_points))

        def new_fields() -> Iterator[Dict[str, np.ndarray]]:
            for part in chunk_bounds(store.num_points, chunk_points):
                found = result.labels(part)
                sure = found.confidence >= min_confidence
                yield {names[class_field(source)]: values[np.where(sure, found.label, UNLABELED)],
                       names['confidence']: found.confidence}
                advance('writing', len(sure), store.num_points)

        copy_with_fields(source, target, new_fields(), chunk_points, clicked.columns)
        return result.remarks()
