"""Weights written by spconv's modules, read by mmcv's: the way back of mmdet3d's own conversion."""
from typing import Any

from torch import Tensor

SPCONV_VERSION = 2  # what mmdet3d marks the state of spconv's modules with


def let_mmcv_load_spconv_weights() -> None:
    """Patches the loading of mmcv's sparse convolution.

    Until mmcv reads spconv 2 weights (2.1.0 does not): a checkpoint trained with spconv then also loads where spconv is
    not installed.
    """
    from mmcv.ops.sparse_conv import SparseConvolution
    stock = SparseConvolution._load_from_state_dict
    if hasattr(stock, 'reads_spconv'):
        return

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *args: Any) -> None:
        key = f'{prefix}weight'
        if key in state_dict and local_metadata.get('version') == SPCONV_VERSION:
            state_dict[key] = to_mmcv_layout(state_dict[key])
        stock(self, state_dict, prefix, local_metadata, *args)

    _load_from_state_dict.reads_spconv = True  # type: ignore[attr-defined]  # a mark
    SparseConvolution._load_from_state_dict = _load_from_state_dict


def to_mmcv_layout(weight: Tensor) -> Tensor:
    """``[C_out, *kernel, C_in]`` of spconv as ``[*kernel, C_in, C_out]`` of mmcv.

    spconv multiplies with the weight of a 1x1 convolution as if it were stored ``[C_in, C_out]``, and so it is read.
    """
    kernel = weight.shape[1:-1]
    if kernel.numel() == 1:
        return weight.reshape(*kernel, weight.shape[-1], weight.shape[0])
    return weight.permute(*range(1, weight.dim()), 0)
