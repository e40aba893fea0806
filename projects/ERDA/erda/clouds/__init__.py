"""Users' own files: formats, blocks, features, descriptions, the folder dataset."""
from .folder_dataset import LoadPointCloudBlock, PointCloudFolderDataset

__all__ = ['LoadPointCloudBlock', 'PointCloudFolderDataset']
