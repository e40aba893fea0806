from typing import Dict

import numpy as np
from mmdet3d.datasets.transforms import IndoorPatchPointSample
from mmdet3d.registry import TRANSFORMS
from scipy.spatial import cKDTree

from .grid_subsample import MASKS
from .regular_sampling import filled_up, least_seen, regular_sample


@TRANSFORMS.register_module()
class RegularPointSample(IndoorPatchPointSample):
    """The points of a room nearest to a centre, which goes to where the samples before have seen least.

    In a room with fewer points some come twice. No label decides where a sample lies. x and y are centred and z is not,
    as in mmdet3d's ``IndoorPatchPointSample``.

    Each worker of a data loader remembers for itself what it has sampled of which room, and a resumed training begins
    anew with that.

    Args:
        num_points: of each sample.
        center_noise: standard deviation of what is added to the centre, metres.
        use_normalized_coord: add coordinates divided by the room's largest ones, as three features.

    Source: spatially regular sampling of RandLA-Net's authors, on S3DIS 40,960 points of a 4 cm grid,
        https://github.com/QingyongHu/RandLA-Net
    """

    def __init__(self, num_points: int, center_noise: float = 0.35, use_normalized_coord: bool = False) -> None:
        super().__init__(num_points, use_normalized_coord=use_normalized_coord)
        self.center_noise = center_noise
        self._seen: Dict[str, np.ndarray] = {}

    def transform(self, results: dict) -> dict:
        points = results['points']
        coords = points.coord.numpy()
        rng = np.random.default_rng(np.random.randint(2**31))  # the worker's generator decides
        seen = self._seen.setdefault(results['lidar_path'], 1e-3 * rng.random(len(coords)))
        tree = cKDTree(coords)
        center = least_seen(tree, seen) + rng.normal(scale=self.center_noise, size=3)
        rows = filled_up(regular_sample(tree, seen, self.num_points, center), self.num_points, rng)
        results['points'] = self._input_generation(coords[rows], center.astype(coords.dtype), coords.max(axis=0),
                                                   points.tensor[rows, 3:].numpy(), points.attribute_dims, type(points))
        for key in MASKS:
            if key in results:
                results[key] = results[key][rows]
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(num_points={self.num_points}, center_noise={self.center_noise}, '
                f'use_normalized_coord={self.use_normalized_coord})')
