"""What a network says about a few chosen points of a file of any size."""
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy.special import entr
from torch import Tensor

from ..clouds.cloud_files import iter_point_cloud
from ..weak_labels.label_propagation import PropagatedLabels, weighted_by_prior
from .block_prediction import plan_blocks
from .errors import InferenceError
from .segmentor import Segmentor
from .tile_store import TileStore

Advance = Callable[[int, int], None]


class CandidateFeatures(NamedTuple):
    """Of M points.

    Attributes:
        features: ``[M, C]`` float32, what enters the classifier.
        entropy: ``[M]`` float32, of the predicted probabilities, nats.
    """
    features: np.ndarray
    entropy: np.ndarray


class PointPredictions(NamedTuple):
    """The probabilities ``[M, K]`` float32 of M points."""
    probabilities: np.ndarray

    @property
    def label(self) -> np.ndarray:
        """``[M]`` int64, the likeliest class."""
        return self.probabilities.argmax(axis=1)

    @property
    def entropy(self) -> np.ndarray:
        """``[M]`` float32, nats."""
        return entr(self.probabilities).sum(axis=1)

    def with_clicks(self, propagated: PropagatedLabels, exponent: float) -> 'PointPredictions':
        """Times what clicks say about the same points, see :func:`weighted_by_prior`."""
        return PointPredictions(weighted_by_prior(self.probabilities, propagated, exponent))


def candidate_features(path: Path, index: np.ndarray, segmentor: Segmentor, chunk_points: int = 1_000_000,
                       advance: Advance = lambda points, total: None,
                       columns: Optional[Sequence[str]] = None) -> CandidateFeatures:
    """Features and uncertainty of points, each from the block in whose core it is.

    Args:
        path: a file that :func:`erda.clouds.cloud_files.iter_point_cloud` reads.
        index: ``[M]`` int64 numbers of the points, ascending.
        segmentor: the network.
        chunk_points: points that are read at a time.
        advance: called with the points just done and all points.
        columns: names of the columns of a ``.bin`` file, see :func:`count_points`.

    Raises:
        PointCloudError: if the file cannot be read.
        InferenceError: if the file has not what the network needs.
    """
    features, entropy = None, np.empty(len(index), dtype=np.float32)
    for rows, of_block, logits in _predict(path, index, segmentor, chunk_points, advance, columns):
        if features is None:
            features = np.empty((len(index), of_block.shape[1]), dtype=np.float32)
        features[rows] = of_block.cpu().numpy()
        entropy[rows] = entr(logits.softmax(dim=1).cpu().numpy()).sum(axis=1)
    assert features is not None  # there is a point, and a block has it
    return CandidateFeatures(features, entropy)


def point_predictions(path: Path, index: np.ndarray, segmentor: Segmentor, chunk_points: int = 1_000_000,
                      advance: Advance = lambda points, total: None,
                      columns: Optional[Sequence[str]] = None) -> PointPredictions:
    """Probabilities of points; arguments and errors are those of :func:`candidate_features`."""
    probabilities = np.empty((len(index), len(segmentor.inputs.classes)), dtype=np.float32)
    for rows, _, logits in _predict(path, index, segmentor, chunk_points, advance, columns):
        probabilities[rows] = logits.softmax(dim=1).cpu().numpy()
    return PointPredictions(probabilities)


def _predict(path: Path, index: np.ndarray, segmentor: Segmentor, chunk_points: int, advance: Advance,
             columns: Optional[Sequence[str]]) -> Iterator[Tuple[np.ndarray, Tensor, Tensor]]:
    """Rows of the points in the core of each block, their features and their logits."""
    segmentor.inputs.begin_file(path, columns)
    layout = segmentor.inputs.layout
    with tempfile.TemporaryDirectory() as folder:
        store = TileStore(Path(folder), layout.block_size, len(segmentor.inputs.classes))
        try:
            for chunk in iter_point_cloud(path, chunk_points, columns):
                store.add(chunk, segmentor.inputs.fields_of(chunk.fields))
            for plan in plan_blocks(store, layout):
                block = store.read(plan.region)
                wanted = np.flatnonzero(np.isin(block.index, index) & plan.core.holds(block.cloud.xyz))
                if len(wanted):
                    features, logits = segmentor.features_and_logits(block.cloud)
                    yield np.searchsorted(index, block.index[wanted]), features[wanted], logits[wanted]
                advance(plan.core_points, store.num_points)
        except InferenceError as error:
            raise InferenceError(f'{path}: {error}.') from error
