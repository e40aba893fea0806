from typing import Dict, List, Sequence, Union

import numpy as np
import torch
from mmdet3d.models import EncoderDecoder3D
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from scipy.spatial import cKDTree
from torch import Tensor

from ..config import ConfigError
from ..weak_labels import grid_subsample
from .point_pyramid import join_pyramids, pyramids_of_batch
from .votes import vote


@MODELS.register_module()
class VotingSegmentor(EncoderDecoder3D):
    """``EncoderDecoder3D`` that is tested by votes, and whose backbone may look neighbours up.

    Any backbone and head for points without voxels. ``inputs['pyramid']``, if :class:`NeighborTables` has made it, is
    the backbone's second argument.

    ``test_cfg`` with ``mode='vote'`` has

    - ``num_points``, ``batch_size``, ``use_normalized_coord``: as for ``mode='slide'``, like the training;
    - ``votes`` and ``momentum``: see :func:`vote`;
    - ``voxel_size``: predict the first point of each voxel of that edge in metres, as :class:`GridSubsample` does; a
      raw point gets what the nearest of them has. ``None`` to predict all.

    Source: the authors' test of RandLA-Net, https://github.com/QingyongHu/RandLA-Net
    """

    def extract_feat(self, batch_inputs: Union[Tensor, dict]) -> dict:
        """Features of ``[B, N, C]`` points, or of ``inputs`` behind the data preprocessor.

        Raises:
            ValueError: for scans with different numbers of points.
        """
        if not isinstance(batch_inputs, dict):
            return super().extract_feat(batch_inputs)
        points = batch_inputs['points']
        if len({len(scan) for scan in points}) > 1:
            raise ConfigError(f'{type(self).__name__} takes scans with equally many points in a batch, not '
                              f'{", ".join(str(len(scan)) for scan in points)}: the training pipeline needs '
                              "dict(type='RegularPointSample', num_points=...), or batch_size=1")
        if 'pyramid' not in batch_inputs:
            return super().extract_feat(torch.stack(points))
        pyramid = join_pyramids(pyramids_of_batch(batch_inputs['pyramid']))
        features = self.backbone(torch.stack(points), pyramid)
        return self.neck(features) if self.with_neck else features

    def loss(self, batch_inputs_dict: dict, batch_data_samples: List[Det3DDataSample]) -> Dict[str, Tensor]:
        """Losses of the heads, and of the weights if the config has such."""
        features = self.extract_feat(batch_inputs_dict)
        losses = self._decode_head_forward_train(features, batch_data_samples)
        if self.with_auxiliary_head:
            losses.update(self._auxiliary_head_forward_train(features, batch_data_samples))
        if self.with_regularization_loss:
            losses.update(self._loss_regularization_forward_train())
        return losses

    def inference(self, points: Tensor, batch_input_metas: List[dict], rescale: bool) -> Tensor:
        """``[B, K, N]`` logits of ``[B, N, C]`` points; the logarithm of probabilities, if there are votes."""
        if self.test_cfg.mode != 'vote':
            return super().inference(points, batch_input_metas, rescale)
        return torch.stack([self.vote_inference(scan) for scan in points])

    @torch.no_grad()
    def vote_inference(self, points: Tensor) -> Tensor:
        """``[K, N]`` log-probabilities of ``[N, C]`` points.

        Outputs behind those of the K classes of the head are averaged as they are.
        """
        cfg, num_classes = self.test_cfg, self.decode_head.num_classes
        raw = points[:, :3].cpu().numpy()
        kept = np.arange(len(raw)) if cfg.get('voxel_size') is None else grid_subsample(raw, cfg.voxel_size)
        xyz, grid = raw[kept], points[torch.from_numpy(kept).to(points.device)]
        largest = points[:, :3].amax(dim=0)

        def predict(samples: Sequence[np.ndarray], centers: Sequence[np.ndarray]) -> np.ndarray:
            batch = []
            for rows, center in zip(samples, centers):
                sample = grid[torch.from_numpy(rows).to(grid.device)]
                batch.append(self._input_generation(sample[:, :3], sample.new_tensor(center), largest, sample[:, 3:],
                                                    cfg.get('use_normalized_coord', False)))
            outputs = self.encode_decode(torch.stack(batch), []).transpose(1, 2).float()
            outputs[..., :num_classes] = outputs[..., :num_classes].softmax(dim=2)
            return outputs.cpu().numpy()

        averages = vote(xyz, cfg.num_points, predict, cfg.votes, cfg.get('momentum', 0.95), cfg.get('batch_size', 1))
        if len(kept) < len(raw):
            averages = averages[cKDTree(xyz).query(raw)[1]]
        averages[:, :num_classes] = np.log(np.maximum(averages[:, :num_classes], np.finfo(np.float32).tiny))
        return points.new_tensor(averages).T
