"""Points to voxels without losing a label: ``WeakSegDataPreprocessor``."""
from .voxel_labels import VoxelGrid, mean_per_voxel, occupied_voxels, vote_voxel_labels
from .weak_seg_data_preprocessor import WeakSegDataPreprocessor

__all__ = ['VoxelGrid', 'WeakSegDataPreprocessor', 'mean_per_voxel', 'occupied_voxels', 'vote_voxel_labels']
