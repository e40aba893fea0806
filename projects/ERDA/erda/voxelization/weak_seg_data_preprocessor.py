from typing import Dict, List, Optional, Sequence

import torch
from mmdet3d.models.data_preprocessors import Det3DDataPreprocessor
from mmdet3d.registry import MODELS
from torch import Tensor

from ..files.data_error import DataError
from ..weak_labels import UNLABELED, is_labelled
from ..weak_labels.unlabelled_codes import decoded
from .voxel_labels import VoxelGrid, occupied_voxels, vote_voxel_labels

STOCK_INPUTS = ('points', 'img')


@MODELS.register_module()
class WeakSegDataPreprocessor(Det3DDataPreprocessor):
    """``Det3DDataPreprocessor`` whose voxels keep the labels of their points, on the device of the points.

    Voxels, their order and their features are the stock ones; a voxel's label is the vote of its labelled points, see
    :func:`vote_voxel_labels`, and nothing is moved to another device. This holds for the voxel types of segmentors,
    ``'minkunet'`` and ``'cylindrical'``. Without voxels (``voxel=False``: PointNet++, DGCNN, PAConv) the points keep
    their labels as they are. Voxel types of detectors are left to the stock class.

    For ``'minkunet'``, ``max_voxels`` keeps all labelled voxels before any other, and ``point2voxel_map`` is -1 for the
    points of a dropped voxel. A batch is lifted on each axis until its grid is a multiple of ``grid_multiple``: spconv
    rounds down when it halves a grid, so it drops what is in the last odd plane from all deeper levels, and raises when
    nothing is left. With voxels of 0.5 m that can be everything from the ground up.

    Args:
        ignore_index: the label of void, as in the head; 19 in mmdet3d's SemanticKITTI configs.
        grid_multiple: 2 to the number of the backbone's stages, 4 in mmdet3d's MinkUNet and SPVCNN.
        feature_dims: columns of the points that are features of a ``'minkunet'`` voxel; all by default, as in the stock
            class. A network that learns from crops and predicts whole rooms should not know x and y.
        kwargs: arguments of ``Det3DDataPreprocessor``.
    """

    def __init__(self,
                 ignore_index: int = 19,
                 grid_multiple: int = 16,
                 feature_dims: Optional[Sequence[int]] = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index
        self.grid_multiple = grid_multiple
        self.feature_dims = slice(None) if feature_dims is None else list(feature_dims)

    def simple_process(self, data: dict, training: bool = False) -> dict:
        """What the stock class does; what unlabelled points tell in their labels becomes fields of their own.

        Where a :class:`erda.weak_labels.WeakLabelDataset` has propagated labels, ``gt_pts_seg`` of each sample gets
        ``propagated_label [N]``, negative where there is none, and ``propagated_confidence [N]``. What the stock class
        does not know of ``inputs`` stays there, on the device of the points.
        """
        for sample in data.get('data_samples') or () if training else ():
            if 'pts_semantic_mask' in (labels := sample.get('gt_pts_seg', ())):
                told = decoded(labels.pts_semantic_mask)
                if told.asked[told.mask].all():
                    labels.propagated_label, labels.propagated_confidence = told.propagated, told.confidence
                labels.pts_semantic_mask = labels.pts_semantic_mask.masked_fill(told.mask, UNLABELED)
        others = {key: value for key, value in data['inputs'].items() if key not in STOCK_INPUTS}
        known = {key: value for key, value in data['inputs'].items() if key in STOCK_INPUTS}
        batch = super().simple_process({**data, 'inputs': known}, training)
        batch['inputs'].update(self.cast_data(others))
        return batch

    @torch.no_grad()
    def voxelize(self, points: List[Tensor], data_samples: list) -> Dict[str, Tensor]:
        """Voxels of a batch, and each sample's ``voxel_semantic_mask`` and ``point2voxel_map``.

        Args:
            points: ``[N_i, C]`` per sample, x, y, z in metres first.
            data_samples: samples, in training with ``gt_pts_seg.pts_semantic_mask`` ``[N_i]``.

        Returns: for ``'minkunet'`` ``voxels [V, C]``, or as many columns as ``feature_dims`` has, and ``coors [V, 4]``,
            the batch index first if ``batch_first``, otherwise last; the samples get ``batch_idx [V_i]`` too. For
            ``'cylindrical'`` the points as ``voxels [N, C + 2]`` (rho, phi, z, x, y, ...) and ``coors [N, 4]`` (batch,
            rho, phi, z), which SegVFE pools.

        Raises:
            ValueError: if a scan has no point.
        """
        if self.voxel_type not in ('minkunet', 'cylindrical'):
            return super().voxelize(points, data_samples)
        for scan, sample in zip(points, data_samples):
            if len(scan) == 0:
                raise DataError(f'{sample.metainfo.get("lidar_path", "a scan")} has no point left to voxelize')
        if self.voxel_type == 'minkunet':
            return self._voxelize_minkunet(points, data_samples)
        return super().voxelize(points, data_samples)  # which calls get_voxel_seg

    def get_voxel_seg(self, res_coors: Tensor, data_sample) -> None:
        """Label and ``point2voxel_map`` of the cylindrical voxels of one scan; the stock class calls this.

        Args:
            res_coors: ``[N, 3]`` int voxel of each point.
            data_sample: its sample.
        """
        # The same order as dynamic scatter, which pools the features of these points.
        grid = occupied_voxels(res_coors)
        data_sample.point2voxel_map = grid.point2voxel_map
        if self.training:
            data_sample.gt_pts_seg.voxel_semantic_mask = self._vote(data_sample, grid)

    def _vote(self, data_sample, grid: VoxelGrid) -> Tensor:
        return vote_voxel_labels(data_sample.gt_pts_seg.pts_semantic_mask, grid.point2voxel_map, len(grid.coors),
                                 self.ignore_index)

    def _voxelize_minkunet(self, points: List[Tensor], data_samples: list) -> Dict[str, Tensor]:
        voxels, coors = [], []
        for index, (scan, sample) in enumerate(zip(points, data_samples)):
            voxel_size = scan.new_tensor(self.voxel_layer.voxel_size)
            grid = occupied_voxels(torch.round(scan[:, :3] / voxel_size).int())
            has_labels = 'gt_pts_seg' in sample and 'pts_semantic_mask' in sample.gt_pts_seg
            labels = self._vote(sample, grid) if has_labels else None
            if self.training and self.max_voxels is not None and len(grid.coors) > self.max_voxels:
                assert labels is not None  # training has labels
                grid, labels = self._drop_voxels(grid, labels)
            if has_labels:
                sample.gt_pts_seg.voxel_semantic_mask = labels
            sample.point2voxel_map = grid.point2voxel_map
            sample.batch_idx = grid.coors.new_full((len(grid.coors), ), index)
            voxels.append(scan[grid.first_point][:, self.feature_dims])
            coors.append(grid.coors)
        batch_idx = torch.cat([sample.batch_idx for sample in data_samples])[:, None]
        lifted = torch.cat(coors)
        lifted += -(lifted.amax(dim=0) + 1) % self.grid_multiple
        columns = [batch_idx, lifted] if self.batch_first else [lifted, batch_idx]
        return dict(voxels=torch.cat(voxels), coors=torch.cat(columns, dim=1))

    def _drop_voxels(self, grid: VoxelGrid, labels: Tensor):
        """Keep ``max_voxels`` voxels, the labelled ones first and the others at random, in their order."""
        num_voxels = len(grid.coors)
        # Drawn on the CPU, whose generator decides the run, whatever the device.
        rank = torch.randperm(num_voxels).to(grid.coors.device)
        priority = torch.where(is_labelled(labels, self.ignore_index), rank, rank + num_voxels)
        keep = priority.argsort()[:self.max_voxels].sort().values
        new_index = keep.new_full((num_voxels, ), -1)
        new_index[keep] = torch.arange(len(keep), device=keep.device)
        grid = VoxelGrid(grid.coors[keep], grid.first_point[keep], new_index[grid.point2voxel_map])
        return grid, labels[keep]
