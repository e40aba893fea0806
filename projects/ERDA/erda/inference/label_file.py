"""Labels a point cloud file of any size: the same points and attributes, with a class for each."""
import re
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

from ..clouds.cloud_files import PointCloud, copy_with_fields, iter_point_cloud
from ..clouds.feature_ranges import SAMPLED_POINTS, far_features, ranges_of
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
MAX_FIELD_NAME = 31  # bytes, of an extra dimension in LAS with its end


class Outputs(NamedTuple):
    """What is written beside class and confidence."""
    entropy: bool = False
    probabilities: bool = False


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
               refinement: Refinement = AS_PREDICTED) -> None:
    """Write a copy of a file with the class of every point; it appears only when complete.

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
        inform: called before anything is predicted with a sentence on each feature far from the training.
        refinement: what is done with the probabilities.

    Raises:
        PointCloudError: if the source cannot be read or the target cannot be written.
        InferenceError: if the file has not what the network needs.
    """
    try:
        _label_file(source, target, segmentor, outputs, layout, chunk_points, advance, inform, refinement)
    except InferenceError as error:
        raise InferenceError(f'{source}: {error}.') from error


def _label_file(source: Path, target: Path, segmentor: Segmentor, outputs: Outputs, layout: Optional[BlockLayout],
                chunk_points: int, advance: Callable[[str, int, int], None], inform: Callable[[str], None],
                refinement: Refinement) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    inputs = segmentor.inputs
    inputs.begin_file(source)
    layout = layout or inputs.layout
    clicked = clicked_points_of_file(source, refinement.clicks, inputs.classes, refinement.click_radius)
    with tempfile.TemporaryDirectory(prefix=f'.{target.name}.', dir=target.parent) as folder:
        store, prior = TileStore(Path(folder), layout.block_size, len(inputs.classes)), None
        fields: List[str] = []
        samples = []
        for chunk in iter_point_cloud(source, chunk_points):
            if not store.num_points:
                fields, surfaces = inputs.fields_of(chunk.fields), GraphSettings.of(chunk)
            store.add(chunk, surfaces.fields_with(fields))
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
                yield point_fields(probabilities, inputs.classes, inputs.raw_values, class_field(source), outputs)
                advance('writing', len(probabilities), store.num_points)

        copy_with_fields(source, target, new_fields(), chunk_points)


def _some_points(chunk: PointCloud, fields: Sequence[str]) -> PointCloud:
    rows = slice(None, None, max(len(chunk.xyz) // SAMPLED_POINTS, 1))
    return PointCloud(chunk.xyz[rows], {name: chunk.fields[name][rows] for name in fields})


def class_field(path: Path) -> str:
    """Name of the field that the class goes to in a file of this format."""
    return 'classification' if path.suffix.lower() in OWN_CLASS_FIELD else 'predicted_class'


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
