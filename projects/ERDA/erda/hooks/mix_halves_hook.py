import math
from typing import Any, Tuple

import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from ..config import ConfigError
from ..sampling import collated_pyramids


@HOOKS.register_module()
class MixHalvesHook(Hook):
    """Each scan of a batch keeps one half and gets the other half of the next scan.

    The cut is a vertical plane through the origin, in a direction drawn anew for each batch. Labels go with their
    points, and so do the rows of a :class:`erda.hooks.SecondViewHook`: its averaged model has seen the whole scans.
    Where all scans have as many points as each other the halves have, too, because networks without voxels need that.
    Neighbours that the data loader has found are found anew by the backbone, which takes longer in the step.

    Args:
        prob: how often a batch is mixed, in [0, 1].

    Raises:
        ValueError: if ``prob`` is out of range.

    Source: PolarMix, https://arxiv.org/abs/2208.00223, whose second scan comes from the whole data set
    """

    priority = 'BELOW_NORMAL'  # behind the second view

    def __init__(self, prob: float = 0.8) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f'MixHalvesHook: prob={prob} must be in [0, 1]')
        self.prob = prob

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        # Drawn on the CPU, whose generator decides the run, whatever the device.
        draw, angle = torch.rand(2).tolist()
        points, samples = data_batch['inputs']['points'], data_batch['data_samples']
        if draw >= self.prob or len(points) < 2:
            return
        direction = torch.tensor([math.cos(math.tau * angle), math.sin(math.tau * angle)])
        halves = [_halves(scan[:, :2] @ direction.to(scan), len(set(map(len, points))) == 1) for scan in points]
        followers = [*range(1, len(points)), 0]
        mixed = [_joined(scan, halves[i][0], points[j], halves[j][1]) for i, (scan, j) in
                 enumerate(zip(points, followers))]
        fields = [dict(sample.gt_pts_seg.items()) for sample in samples]
        for i, j in enumerate(followers):
            for name in fields[i]:
                samples[i].gt_pts_seg.pop(name)
            for name in fields[i]:
                samples[i].gt_pts_seg[name] = _joined(fields[i][name], halves[i][0], fields[j][name], halves[j][1])
        points[:] = mixed
        if 'pyramid' in data_batch['inputs']:
            model: Any = runner.model
            backbone = (model.module if is_model_wrapper(model) else model).backbone
            rng = np.random.default_rng(int(torch.randint(2**31, ())))
            data_batch['inputs']['pyramid'] = collated_pyramids([backbone.pyramid_of(scan, rng) for scan in mixed])


def _joined(one: Tensor, rows: Tensor, other: Tensor, other_rows: Tensor) -> Tensor:
    return torch.cat([one.index_select(0, rows), other.index_select(0, other_rows)])  # faster than one[rows]


def _halves(position: Tensor, equal: bool) -> Tuple[Tensor, Tensor]:
    """Rows on either side of a cut: at 0, or so that each side has half of the points."""
    if equal:
        order = position.argsort(stable=True)
        return order[:len(order) // 2], order[len(order) // 2:]
    return (position < 0).nonzero().squeeze(1), (position >= 0).nonzero().squeeze(1)
