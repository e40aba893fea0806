"""What a network says about a few chosen points of a file of any size."""
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Sequence

import numpy as np

from ..clouds.cloud_files import iter_point_cloud
from .block_prediction import plan_blocks
from .errors import InferenceError
from .segmentor import Segmentor
from .tile_store import TileStore


class CandidateFeatures(NamedTuple):
    """Of M points.

    Attributes:
        features: ``[M, C]`` float32, what enters the classifier.
        entropy: ``[M]`` float32, of the predicted probabilities, nats.
    """
    features: np.ndarray
    entropy: np.ndarray


def candidate_features(path: Path, index: np.ndarray, segmentor: Segmentor, chunk_points: int = 1_000_000,
                       advance: Callable[[int, int], None] = lambda points, total: None,
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
    segmentor.inputs.begin_file(path, columns)
    layout, features, entropy = segmentor.inputs.layout, None, np.empty(len(index), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        store = TileStore(Path(folder), layout.block_size, len(segmentor.inputs.classes))
        try:
            for chunk in iter_point_cloud(path, chunk_points, columns):
                store.add(chunk, segmentor.inputs.fields_of(chunk.fields))
            for plan in plan_blocks(store, layout):
                block = store.read(plan.region)
                wanted = np.flatnonzero(np.isin(block.index, index) & plan.core.holds(block.cloud.xyz))
                if len(wanted):
                    of_block, logits = segmentor.features_and_logits(block.cloud)
                    rows = np.searchsorted(index, block.index[wanted])
                    if features is None:
                        features = np.empty((len(index), of_block.shape[1]), dtype=np.float32)
                    log = logits[wanted].log_softmax(dim=1)
                    features[rows] = of_block[wanted].cpu().numpy()
                    entropy[rows] = -(log.exp() * log).sum(dim=1).cpu().numpy()
                advance(plan.core_points, store.num_points)
        except InferenceError as error:
            raise InferenceError(f'{path}: {error}.') from error
    assert features is not None  # there is a point, and a block has it
    return CandidateFeatures(features, entropy)
