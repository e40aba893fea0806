"""A trained network that says what it takes the shown points for."""
from functools import cached_property
from typing import Optional, Sequence

import torch

from ..config import load_config
from ..inference.candidate_features import PointPredictions, point_predictions
from ..inference.label_file import AS_PREDICTED
from ..inference.segmentor import Segmentor
from .shown_cloud import ShownCloud


class Network:
    """A network, which is read when it is needed first.

    Args:
        config: file.
        checkpoint: of its weights.
    """

    def __init__(self, config: str, checkpoint: str) -> None:
        self.config, self.checkpoint = config, checkpoint
        self._segmentor: Optional[Segmentor] = None

    @cached_property
    def prior_exponent(self) -> float:
        """How much clicks count beside it: as in its training, else as ``tools/infer.py --clicks`` has it."""
        return load_config(self.config).model.decode_head.get('prior_exponent') or AS_PREDICTED.prior_exponent

    def predict(self, shown: ShownCloud, columns: Optional[Sequence[str]] = None) -> PointPredictions:
        """Probabilities of the shown points.

        Raises:
            ConfigError, InferenceError: if the config, the checkpoint or the file cannot be used.
        """
        if self._segmentor is None:
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
            self._segmentor = Segmentor(load_config(self.config), self.checkpoint, device)
        return point_predictions(shown.path, shown.index, self._segmentor, columns=columns)
