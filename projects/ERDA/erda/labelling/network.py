"""A trained network that says what it takes the shown points for."""
from typing import Optional, Sequence

import torch

from ..config import load_config
from ..inference.candidate_features import PointPredictions, point_predictions
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

    def predict(self, shown: ShownCloud, columns: Optional[Sequence[str]] = None) -> PointPredictions:
        """Classes and entropies of the shown points.

        Raises:
            ConfigError, InferenceError: if the config, the checkpoint or the file cannot be used.
        """
        if self._segmentor is None:
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
            self._segmentor = Segmentor(load_config(self.config), self.checkpoint, device)
        return point_predictions(shown.path, shown.index, self._segmentor, columns=columns)
