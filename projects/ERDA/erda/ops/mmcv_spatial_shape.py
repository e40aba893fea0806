"""mmdet3d's MinkUNet without spconv: it then runs on mmcv's sparse modules."""
from typing import Any, Sequence

from torch import Tensor


def let_mmcv_take_tensor_as_spatial_shape() -> None:
    """Let mmcv's ``SparseConvTensor`` take a tensor as its spatial shape, as spconv's does and MinkUNet gives it.

    Until mmcv (2.1.0 does) no longer hands the shape to ``numpy.prod``, which cannot reduce a tensor.
    """
    from mmcv.ops import SparseConvTensor  # imports mmcv.ops, for which the kernels must be in place
    if hasattr(SparseConvTensor.__init__, 'takes_tensor'):
        return
    stock_init = SparseConvTensor.__init__

    def init(self: SparseConvTensor, features: Tensor, indices: Tensor, spatial_shape: Sequence[int], *args: Any,
             **kwargs: Any) -> None:
        if isinstance(spatial_shape, Tensor):
            spatial_shape = spatial_shape.tolist()
        stock_init(self, features, indices, spatial_shape, *args, **kwargs)

    init.takes_tensor = True  # type: ignore[attr-defined]  # a mark
    SparseConvTensor.__init__ = init
