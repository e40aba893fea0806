from .nuscenes_seg_dataset import NuScenesSegDataset
from .point_cloud_folder_dataset import LoadPointCloudBlock, PointCloudFolderDataset

__all__ = ['LoadPointCloudBlock', 'NuScenesSegDataset', 'PointCloudFolderDataset']
