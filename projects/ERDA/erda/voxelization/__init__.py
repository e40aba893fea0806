from .voxel_labels import VoxelGrid, occupied_voxels, vote_voxel_labels
from .weak_seg_data_preprocessor import WeakSegDataPreprocessor

__all__ = ['VoxelGrid', 'WeakSegDataPreprocessor', 'occupied_voxels', 'vote_voxel_labels']
