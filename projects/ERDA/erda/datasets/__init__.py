from .nuscenes_seg_dataset import NuScenesSegDataset

__all__ = ['NuScenesSegDataset']
