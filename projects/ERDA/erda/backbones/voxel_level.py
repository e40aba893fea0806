"""One resolution of a batch of voxelized scans: which voxels there are, in which orders, and who is whose neighbour."""
from typing import Any, Dict, List, Tuple

import torch
from mmdet3d.models.layers.spconv import IS_SPCONV2_AVAILABLE
from torch import Tensor, nn

from .patches import Patches, cut_patches
from .serialization import serialization_codes

if IS_SPCONV2_AVAILABLE:
    from spconv.pytorch import SparseConvTensor
else:
    from mmcv.ops import SparseConvTensor


class VoxelLevel:
    """Voxels without their features.

    Args:
        coors: ``[N, 4]`` int32 (scan, x, y, z), none of them negative, each voxel once, in any order.
        codes: ``[O, N]`` int64 from :func:`erda.backbones.serialization.serialization_codes`, with at least 3 bits
            below those of the scan for each coarser level to come.
    """

    def __init__(self, coors: Tensor, codes: Tensor) -> None:
        self.coors = coors.int().contiguous()
        self.codes = codes
        self.counts: List[int] = coors[:, 0].long().bincount().tolist()
        self.spatial_shape: List[int] = (coors[:, 1:].amax(0) + 1).tolist()
        self._patches: Dict[Tuple[int, int], Patches] = {}
        self._neighbours: Dict[str, Any] = {}  # spconv's indice_dict

    @classmethod
    def finest(cls, coors: Tensor, num_coarser: int) -> 'VoxelLevel':
        """The level of voxels ``[N, 4]``, to be followed by ``num_coarser`` others."""
        return cls(coors, serialization_codes(coors, num_coarser))

    def coarser(self) -> Tuple['VoxelLevel', Tensor]:
        """The level of voxels twice as large on each axis, and the row there of each voxel here ``[N]``."""
        codes, parents = (self.codes[0] >> 3).unique(return_inverse=True)
        rows = torch.arange(len(parents), device=parents.device)
        child = rows.new_full((len(codes), ), len(rows)).scatter_reduce_(0, parents, rows, 'amin')
        coors = torch.cat([self.coors[child, :1], self.coors[child, 1:] >> 1], 1)
        return VoxelLevel(coors, self.codes[:, child] >> 3), parents

    def shuffle_orders(self) -> None:
        """Number the orders anew at random, so that no block always attends along the same curve."""
        # Drawn on the CPU, whose generator decides the run, whatever the device.
        self.codes = self.codes[torch.randperm(len(self.codes)).to(self.codes.device)]
        self._patches.clear()

    def patches(self, order: int, size: int) -> Patches:
        """Patches along one of the orders."""
        key = (order % len(self.codes), size)
        if key not in self._patches:
            self._patches[key] = cut_patches(self.codes[key[0]].argsort(), self.counts, size)
        return self._patches[key]

    def convolve(self, convolution: nn.Module, features: Tensor) -> Tensor:
        """A submanifold convolution of features ``[N, C]``; those with the same ``indice_key`` share its search."""
        tensor = SparseConvTensor(features, self.coors, self.spatial_shape, len(self.counts))
        tensor.indice_dict = self._neighbours
        tensor = convolution(tensor)
        self._neighbours = tensor.indice_dict
        return tensor.features
