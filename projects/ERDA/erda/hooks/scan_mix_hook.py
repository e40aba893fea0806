import math
from typing import Optional, Tuple

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor


@HOOKS.register_module()
class ScanMixHook(Hook):
    """Mixes the scans of a batch in pairs, together with their labels and what a second view says of their points.

    Half of the time two scans swap a sector of azimuth, as in PolarMix, half of the time every other band of
    inclination, as in LaserMix. Unlike these transforms of mmdet3d it comes behind :class:`SecondViewHook`, so that the
    averaged model sees whole scans: pseudo-labels know the surroundings of a point, which the segmentor has to do
    without. Take ``LaserMix`` and ``PolarMix`` out of the pipeline.

    Args:
        prob: probability that a pair is mixed.
        num_bands: least and largest number of bands of inclination.

    Raises:
        ValueError: if an argument is out of range.

    Source: PolarMix, https://arxiv.org/abs/2208.00223, and LaserMix, https://arxiv.org/abs/2207.00026; that the
        teacher of a pair sees it unmixed is LaserMix as well.
    """

    priority = 'BELOW_NORMAL'  # behind SecondViewHook

    def __init__(self, prob: float = 0.8, num_bands: Tuple[int, int] = (3, 6)) -> None:
        if not 0 <= prob <= 1 or not 2 <= num_bands[0] <= num_bands[1]:
            raise ValueError(f'ScanMixHook: prob={prob} must be in [0, 1], and num_bands={num_bands} at least 2, the '
                             'smaller one first')
        self.prob = prob
        self.num_bands = num_bands

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        points, samples = data_batch['inputs']['points'], data_batch['data_samples']
        for first in range(0, len(points) - 1, 2):
            if torch.rand(()).item() >= self.prob:
                continue
            pair = slice(first, first + 2)
            swapped = self._swapped(*points[pair])
            for keys in zip(*(sample.gt_pts_seg.keys() for sample in samples[pair])):
                key, = set(keys)
                for sample, rows in zip(samples[pair], _mix(*(sample.gt_pts_seg[key] for sample in samples[pair]),
                                                            *swapped)):
                    sample.gt_pts_seg[key] = rows
            points[pair] = _mix(*points[pair], *swapped)

    def _swapped(self, *scans: Tensor) -> Tuple[Tensor, ...]:
        """``[N_i]`` bool of two scans, the points that go over to the other one."""
        if torch.rand(()).item() < 0.5:
            begin, width = (2 * math.pi * torch.rand(2)).tolist()
            return tuple((torch.atan2(xyz[:, 1], xyz[:, 0]) - begin) % (2 * math.pi) < width for xyz in scans)
        angles = [torch.atan2(xyz[:, 2], torch.linalg.vector_norm(xyz[:, :2], dim=1)) for xyz in scans]
        low, high = min(float(x.min()) for x in angles), max(float(x.max()) for x in angles)
        bands = int(torch.randint(self.num_bands[0], self.num_bands[1] + 1, ()))
        return tuple(((x - low) / max(high - low, 1e-6) * bands).long() % 2 == 1 for x in angles)


def _mix(first: Tensor, second: Tensor, from_first: Tensor, from_second: Tensor) -> Tuple[Tensor, Tensor]:
    """Rows of both, those marked in the other one's place."""
    from_first, from_second = from_first.to(first.device), from_second.to(second.device)
    return (torch.cat([first[~from_first], second[from_second]]),
            torch.cat([second[~from_second], first[from_first]]))
