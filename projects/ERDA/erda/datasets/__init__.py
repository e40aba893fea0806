"""Benchmarks: their preparation and what mmdet3d lacks of them."""
from .nuscenes_seg_dataset import NuScenesSegDataset

__all__ = ['NuScenesSegDataset']
