"""Labels a point cloud file of any size: the same points and attributes, with a class for each."""
import itertools
import re
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

from ..clouds.cloud_files import (
    PointCloud,
    assumptions,
    check_copy,
    copy_with_fields,
    field_names,
    iter_point_cloud,
)
from ..clouds.feature_ranges import SAMPLED_POINTS, far_features, ranges_of
from ..clouds.features import find_field
from ..weak_labels.click_labels import Click
from ..weak_labels.label_propagation import weighted_by_prior
from ..weak_labels.surface_graph import smoothed
from .block_prediction import BlockLayout, predict_blocks
from .errors import InferenceError
from .given_clicks import CLICK_RADIUS, clicked_points_of_file
from .segmentor import Segmentor
from .stored_propagation import GraphSettings, propagate_in_blocks
from .tile_store import TileStore

# Formats in which 'classification' is the file's own field for a class, so that other programs find it.
OWN_CLASS_FIELD = ('.las', '.laz', '.bin')
PREDICTED = 'predicted_'
MAX_FIELD_NAME = 31  # bytes, of an extra dimension in LAS with its end


class Outputs(NamedTuple):
    """What is written beside class and confidence, and what the names of new fields begin with."""
    entropy: bool = False
    probabilities: bool = False
    prefix: str = ''


CLASS_ONLY = Outputs()


class Refinement(NamedTuple):
    """What is done with the network's probabilities before the class is chosen.

    Attributes:
        clicks: of the file; their labels travel along surfaces and become a prior.
        click_radius: how far a click may be from its point, metres.
        prior_exponent: how much the prior counts, see :func:`erda.weak_labels.label_propagation.weighted_by_prior`.
        smooth: average the probabilities along surfaces, see :func:`erda.weak_labels.surface_graph.smoothed`.
    """
    clicks: Sequence[Click] = ()
    click_radius: float = CLICK_RADIUS
    prior_exponent: float = 0.5
    smooth: bool = False


AS_PREDICTED = Refinement()


def label_file(source: Path,
               target: Path,
               segmentor: Segmentor,
               outputs: Outputs = CLASS_ONLY,
               layout: Optional[BlockLayout] = None,
               chunk_points: int = 1_000_000,
               advance: Callable[[str, int, int], None] = lambda stage, points, total: None,
               inform: Callable[[str], None] = lambda sentence: None,
               refinement: Refinement = AS_PREDICTED,
               columns: Optional[Sequence[str]] = None) -> None:
    """Write a copy of a file with the class of every point; it appears only when complete.

    Fields that the file has stay, except the class in the file's own field for it: see :func:`free_names`. Whether the
    copy can be written is known before anything is predicted.

    Memory is bounded by ``chunk_points`` and by the largest block, not by the file. A temporary folder beside the
    target holds the coordinates, the needed fields and K + 1 numbers for each point.

    Args:
        source: a file that :func:`erda.clouds.cloud_files.iter_point_cloud` reads.
        target: what to write, of the same format.
        segmentor: the network.
        outputs: what else to write.
        layout: how to cut the file into blocks; the network's own if ``None``.
        chunk_points: points that are read and written at a time.
        advance: called with ``'reading'``, ``'predicting'``, ``'propagating'`` or ``'writing'``, the points just done,
            and all points (0 while they are not known).
        inform: called before anything is predicted with a sentence on each thing that will not be as one expects.
        refinement: what is done with the probabilities.
        columns: names of the columns of a ``.bin`` file, see :func:`count_points`.

    Raises:
        PointCloudError: if the source cannot be read or the target cannot be written.
        InferenceError: if the file has not what the network needs.
    """
    try:
        _label_file(source, target, segmentor, outputs, layout, chunk_points, advance, inform, refinement, columns)
    except InferenceError as error:
        raise InferenceError(f'{source}: {error}.') from error


def _label_file(source: Path, target: Path, segmentor: Segmentor, outputs: Outputs, layout: Optional[BlockLayout],
                chunk_points: int, advance: Callable[[str, int, int], None], inform: Callable[[str], None],
                refinement: Refinement, columns: Optional[Sequence[str]]) -> None:
    inputs = segmentor.inputs

    def fields_of(probabilities: np.ndarray) -> Dict[str, np.ndarray]:
        return point_fields(probabilities, inputs.classes, inputs.raw_values, class_field(source), outputs)

    each_class = fields_of(np.eye(len(inputs.classes), dtype=np.float32))
    names = names_in_copy(source, target, each_class, inform, outputs.prefix, columns)
    target.parent.mkdir(parents=True, exist_ok=True)
    inputs.begin_file(source, columns)
    layout = layout or inputs.layout
    clicked = clicked_points_of_file(source, refinement.clicks, inputs.classes, refinement.click_radius, columns)
    with tempfile.TemporaryDirectory(prefix=f'.{target.name}.', dir=target.parent) as folder:
        store, prior = TileStore(Path(folder), layout.block_size, len(inputs.classes)), None
        fields: List[str] = []
        stored: List[str] = []
        samples = []
        for chunk in iter_point_cloud(source, chunk_points, columns):
            if not store.num_points:
                stored = fields = inputs.fields_of(chunk.fields)
                if refinement.smooth or len(clicked.index):
                    surfaces = GraphSettings.of(chunk)
                    stored = surfaces.fields_with(fields)
            store.add(chunk, stored)
            samples.append(inputs.features(_some_points(chunk, fields)))
            advance('reading', len(chunk.xyz), 0)
        for sentence in far_features(ranges_of(samples), segmentor.trained_ranges):
            inform(f'{source}: {sentence}.')

        def predict(cloud: PointCloud) -> np.ndarray:
            of_network = {name: cloud.fields[name] for name in fields}
            probabilities = segmentor.probabilities(PointCloud(cloud.xyz, of_network))
            return smoothed(surfaces.graph(cloud), probabilities) if refinement.smooth else probabilities

        predict_blocks(store, layout, predict, lambda points: advance('predicting', points, store.num_points))
        if len(clicked.index):
            prior = propagate_in_blocks(store, clicked, surfaces, Path(tempfile.mkdtemp(dir=folder)),
                                        advance=lambda points: advance('propagating', points, store.num_points))

        def new_fields() -> Iterator[Dict[str, np.ndarray]]:
            start = 0
            for probabilities in store.probabilities():
                points = slice(start, start := start + len(probabilities))
                if prior is not None:
                    probabilities = weighted_by_prior(probabilities, prior.labels(points), refinement.prior_exponent)
                yield {names[name]: values for name, values in fields_of(probabilities).items()}
                advance('writing', len(probabilities), store.num_points)

        copy_with_fields(source, target, new_fields(), chunk_points, columns)


def _some_points(chunk: PointCloud, fields: Sequence[str]) -> PointCloud:
    rows = slice(None, None, max(len(chunk.xyz) // SAMPLED_POINTS, 1))
    return PointCloud(chunk.xyz[rows], {name: chunk.fields[name][rows] for name in fields})


def class_field(path: Path) -> str:
    """Name of the field that the class goes to in a file of this format."""
    return 'classification' if path.suffix.lower() in OWN_CLASS_FIELD else f'{PREDICTED}class'


def label_values(values: Sequence[int]) -> np.ndarray:
    """Label values in the type that files get them in: uint8, or int32 if one needs it."""
    return np.asarray(values, dtype=np.uint8 if min(values) >= 0 and max(values) <= 255 else np.int32)


def point_fields(probabilities: np.ndarray, classes: Sequence[str], raw_values: Sequence[int], class_field: str,
                 outputs: Outputs) -> Dict[str, np.ndarray]:
    """The new fields of n points.

    Args:
        probabilities: ``[n, K]`` float32.
        classes: K names.
        raw_values: the value that stands for each class.
        class_field: name of the field of the class.
        outputs: what is asked for beside class and confidence.

    Returns: ``[n]`` each: the class, ``confidence`` (the largest probability),
        ``entropy`` in nats, and ``probability_NAME`` of each class, float32.
    """
    fields = {class_field: label_values(raw_values)[probabilities.argmax(axis=1)],
              'confidence': probabilities.max(axis=1)}
    if outputs.entropy:
        log = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        fields['entropy'] = -(probabilities * log).sum(axis=1)
    if outputs.probabilities:
        fields.update(zip(probability_names(classes), probabilities.T))
    return fields


def names_in_copy(source: Path, target: Path, fields: Dict[str, np.ndarray], inform: Callable[[str], None],
                  prefix: str = '', columns: Optional[Sequence[str]] = None) -> Dict[str, str]:
    """The name of each new field in the copy of a file; whether that can be written is found out first.

    Args:
        source: file.
        target: its copy.
        fields: a few values of each, the smallest and the largest among them.
        inform: called with a sentence on each thing that will not be as one expects.
        prefix: what the names of new fields begin with.
        columns: names of the columns of a ``.bin`` file, see :func:`count_points`.

    Raises:
        PointCloudError: if the source cannot be read or the target cannot be written.
    """
    own = class_field(source) if source.suffix.lower() in OWN_CLASS_FIELD else None
    names = free_names(fields, (name for name in field_names(source, columns) if name != own), prefix, kept=own)
    changes = assumptions(source, columns)
    changes += check_copy(source, target, {names[name]: values for name, values in fields.items()}, columns)
    changes += [f'it has a field {name} of its own; the new one is {new}' for name, new in names.items()
                if new not in (prefix + name, name)]
    for change in changes:
        inform(f'{source}: {change}.')
    return names


def free_names(wanted: Iterable[str], taken: Iterable[str], prefix: str = '',
               kept: Optional[str] = None) -> Dict[str, str]:
    """A name for each new field that the file has not, in any case or with CloudCompare's ``scalar_``.

    Args:
        wanted: names of the new fields.
        taken: names that the file has.
        prefix: what they begin with.
        kept: one of them that is the file's own field.

    Examples:
        >>> free_names(['confidence', 'entropy'], ['x', 'y', 'z', 'scalar_Confidence'])
        {'confidence': 'predicted_confidence', 'entropy': 'entropy'}
    """
    taken, names = list(taken), {}
    for name in wanted:
        first = name if name == kept else prefix + name
        others = (f'{first[:MAX_FIELD_NAME - len(end)]}{end}' for end in (f'_{i}' for i in itertools.count(2)))
        marked = [] if prefix or name.startswith(PREDICTED) else [PREDICTED + name]
        candidates = (candidate[:MAX_FIELD_NAME] for candidate in (first, *marked))
        names[name] = next(new for new in itertools.chain(candidates, others) if find_field(taken, new) is None)
        taken.append(names[name])
    return names


def probability_names(classes: Sequence[str]) -> List[str]:
    """Names of the fields of the probabilities: short, without spaces, each once.

    Examples:
        >>> probability_names(['car', 'traffic sign'])
        ['probability_car', 'probability_traffic_sign']
    """
    names: List[str] = []
    for number, name in enumerate(classes):
        field = re.sub(r'\W+', '_', f'probability_{name}', flags=re.ASCII)[:MAX_FIELD_NAME]
        if field in names:
            field = f'probability_{number}'
        names.append(field)
    return names
