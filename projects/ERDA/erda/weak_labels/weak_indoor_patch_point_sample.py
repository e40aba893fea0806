from typing import Tuple

import numpy as np
from mmdet3d.datasets.transforms import IndoorPatchPointSample
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import BasePoints

from .budgets import is_labelled


@TRANSFORMS.register_module()
class WeakIndoorPatchPointSample(IndoorPatchPointSample):
    """``IndoorPatchPointSample`` that does not lose the few labels of a patch.

    The stock transform draws ``num_points`` of a patch at random: at 50,000 points in a patch and 4096 drawn, eleven of
    twelve labels are gone. Here labelled points that were not drawn take the places of unlabelled ones that were, up to
    half of all places, so that unlabelled points remain to learn from. With every label given it is the stock
    transform. Unlabelled points count as annotated in the choice of a patch, void does not.

    :class:`WeakLabelDataset` puts it in the place of the stock one. Arguments are those of the stock transform.
    """

    def _patch_points_sampling(self, points: BasePoints, sem_mask: np.ndarray) -> Tuple[BasePoints, np.ndarray]:
        sampled, choices = super()._patch_points_sampling(points, sem_mask)
        unlabelled = np.flatnonzero(sem_mask[choices] < 0)
        if len(unlabelled) == 0:
            return sampled, choices

        coords = points.coord.numpy()
        centre = coords[choices[0]] - sampled.coord.numpy()[0]  # the stock transform does not centre z
        in_patch = (np.abs(coords - centre)[:, :2] <= self.block_size / 2 + self.enlarge_size).all(axis=1)
        missed = in_patch & is_labelled(sem_mask, self.ignore_index)
        missed[choices] = False
        missed = np.flatnonzero(missed)
        places = self.num_points // 2 - (len(choices) - len(unlabelled))
        count = min(len(missed), len(unlabelled), places)
        if count <= 0:
            return sampled, choices
        choices[np.random.choice(unlabelled, count, replace=False)] = np.random.choice(missed, count, replace=False)
        return self._input_generation(coords[choices], centre, coords.max(axis=0), points.tensor[choices, 3:].numpy(),
                                      points.attribute_dims, type(points)), choices
