"""Portable kernels, so that all of it runs without a compiled mmcv and on any device."""
from .mmcv_ext import install_mmcv_ext
from .mmcv_spatial_shape import let_mmcv_take_tensor_as_spatial_shape
from .spconv_cpu import install_spconv_cpu
from .spconv_weights import let_mmcv_load_spconv_weights
from .torchsparse_portable import install_torchsparse


def install_portable_ops() -> None:
    """Fill in what mmcv, spconv and torchsparse lack on this machine. Compiled CUDA kernels are left alone."""
    install_mmcv_ext()
    install_spconv_cpu()
    install_torchsparse()
    let_mmcv_load_spconv_weights()
    let_mmcv_take_tensor_as_spatial_shape()


__all__ = ['install_portable_ops']
