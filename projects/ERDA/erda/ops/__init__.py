"""Portable kernels: all of mmdet3d's segmentors without a compiled mmcv, on any device."""
from .mmcv_ext import install_mmcv_ext


def install_portable_ops() -> None:
    """Fill in what mmcv and spconv lack on this machine. Compiled CUDA kernels are left alone."""
    install_mmcv_ext()
