"""A trained network that maps points to probabilities."""
import math
from typing import Any, List, Tuple

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from ..clouds.cloud_files import PointCloud
from ..clouds.feature_ranges import META_KEY, from_plain
from ..heads import turned_points
from ..zoo.checkpoint_fit import load_weights
from ..zoo.errors import CheckpointError
from .errors import InferenceError
from .model_inputs import model_inputs


class Segmentor:
    """A network with the weights of a checkpoint, in evaluation mode.

    Args:
        cfg: its config.
        checkpoint: path, URL or ``erda://NAME`` of its weights, read with ``weights_only``.
        device: where it runs, such as ``'cpu'`` or ``'cuda'``.
        views: how many turns about z probabilities are averaged over.
        amp: mixed precision, float16 on a GPU and bfloat16 on a CPU; logits stay in float32.

    Attributes:
        inputs: how a cloud becomes its input, and the classes.
        trained_ranges: where the values of each feature lay in the training; what is usual for such inputs, where the
            checkpoint does not say; empty if neither is known.

    Raises:
        InferenceError: if the config has no known inputs, or the checkpoint is not one of this network; from all
            methods, if the cloud cannot be used or the network gives NaN.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str = 'cpu', views: int = 1,
                 amp: bool = False) -> None:
        init_default_scope(cfg.get('default_scope', 'mmdet3d'))
        self.inputs = model_inputs(cfg)
        self.model = MODELS.build(cfg.model)
        try:
            meta = load_weights(self.model, checkpoint)
        except CheckpointError as error:
            raise InferenceError(str(error)) from error
        self.trained_ranges = from_plain(meta.get(META_KEY)) or self.inputs.usual_ranges
        self.device = torch.device(device)
        self.model.to(self.device).eval()
        self.views = views
        self.amp = amp

    @torch.no_grad()
    def logits(self, cloud: PointCloud) -> Tensor:
        """``[n, K]`` float32 of the n points of a block; a logit for void is left out."""
        return self._predict(self.inputs.points(cloud))[:, :len(self.inputs.classes)]

    @torch.no_grad()
    def features_and_logits(self, cloud: PointCloud) -> Tuple[Tensor, Tensor]:
        """What enters the classifier, ``[n, C]``, and what :meth:`logits` returns, of the n points of a block.

        Features travel through the network's own way from voxels or windows to points as additional logits.
        """
        head = self.model.decode_head
        outputs: List[int] = []

        def append_features(module: torch.nn.Module, args: tuple, output: Any) -> Any:
            outputs.append(_dense(output).shape[1])
            joined = torch.cat([_dense(output), _dense(args[0])], dim=1)
            # Sliding windows are put together by the number of classes.
            self.model.num_classes = joined.shape[1]
            return joined if torch.is_tensor(output) else _with_features(output, joined)

        handle = head.conv_seg.register_forward_hook(append_features)
        try:
            joined = self._predict(self.inputs.points(cloud))
        finally:
            handle.remove()
            self.model.num_classes = head.num_classes
        return joined[:, outputs[0]:], joined[:, :len(self.inputs.classes)]

    @torch.no_grad()
    def probabilities(self, cloud: PointCloud) -> np.ndarray:
        """``[n, K]`` float32 of the n points of a block, the mean over all views."""
        points = self.inputs.points(cloud)
        views = [self._predict(turned_points(points, math.tau * number / self.views) if number else points)
                 for number in range(self.views)]
        probabilities = torch.stack([view[:, :len(self.inputs.classes)].softmax(dim=1) for view in views])
        return probabilities.mean(dim=0).cpu().numpy()

    def _predict(self, points: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16 if self.device.type == 'cpu' else torch.float16, self.amp):
            sample, = self.model.test_step(dict(inputs=dict(points=[points]), data_samples=[Det3DDataSample()]))
        logits = sample.pts_seg_logits.pts_seg_logits.T.float()
        if logits.isnan().any():
            raise InferenceError('the network gives NaN for some points: its weights are broken, or its inputs far '
                                 'from those of training')
        return logits


def _dense(x: Any) -> Tensor:
    """Rows of a sparse tensor; a tensor is left as it is."""
    return x if torch.is_tensor(x) else x.features


def _with_features(sparse: Any, features: Tensor) -> Any:
    if hasattr(sparse, 'replace_feature'):
        return sparse.replace_feature(features)
    sparse.features = features  # mmcv's own class
    return sparse
