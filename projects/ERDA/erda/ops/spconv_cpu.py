"""spconv 2 modules on CPU tensors: the portable sparse convolution in place of spconv's own."""
import functools
import sys
import types
import warnings

import torch

from .sparse_conv import pointwise_convolution, sparse_convolution
from .sparse_pool import sparse_max_pool
from .sparse_tables import SparseConvTable, conv_output_shape, strided_table, submanifold_table


def install_spconv_cpu() -> bool:
    """Let spconv's convolution and max pooling modules take CPU tensors.

    On CUDA the stock forward runs untouched. Rows of a strided convolution come out sorted by
    (batch, z, y, x) here and in another order there: nothing may depend on it.

    Returns: True if spconv is there (calling twice changes nothing), False if not.
    """
    try:
        with warnings.catch_warnings():  # spconv 2.3 decorates with names that torch has renamed
            warnings.simplefilter('ignore', FutureWarning)
            _import_ops_without_cuda_kernels()
            from spconv.pytorch.conv import SparseConvolution
            from spconv.pytorch.pool import SparseMaxPool
    except ImportError:
        return False
    # Patched until a spconv build trains on CPU by default: 2.3.6 (cu120) refuses CPU tensors
    # unless each layer names algo=Native, and then a bias in eval; 2.3.8 (CPU build) has no
    # backward and returns wrong rows with two threads.
    for module, portable in ((SparseConvolution, _conv_forward), (SparseMaxPool, _pool_forward)):
        if not hasattr(module.forward, 'portable'):
            module.forward = _on_cuda_or(module.forward, portable)
    return True


def _import_ops_without_cuda_kernels() -> None:
    """Spare a machine without CUDA what spconv does for it: describing each of its CUDA kernels, half of all start-up.

    Until spconv does so on first use (2.3.8 does not). Its builds without CUDA have ``None`` in these places as well.
    """
    if torch.cuda.is_available() or 'spconv.algo' in sys.modules or 'spconv.pytorch' in sys.modules:
        return
    stand_in = types.ModuleType('spconv.algo')
    for name in ('GEMM', 'CONV', 'GEMM_CPP', 'CONV_CPP'):
        setattr(stand_in, name, None)
    sys.modules['spconv.algo'] = stand_in
    try:
        import spconv.pytorch.ops  # noqa: F401
    finally:
        del sys.modules['spconv.algo']  # who asks for it by name gets the real one


def _on_cuda_or(stock, portable):

    @functools.wraps(stock)
    def forward(self, input, *args, **kwargs):
        chosen = stock if input.features.is_cuda else portable
        return chosen(self, input, *args, **kwargs)

    forward.portable = portable  # type: ignore[attr-defined]  # a mark
    return forward


def _conv_forward(self, input, add_input=None):
    """Forward of ``spconv.pytorch.conv.SparseConvolution`` on a device other than CUDA."""
    from spconv.pytorch.conv import _apply_act
    if input.is_quantized:
        raise NotImplementedError('quantized sparse convolution runs on CUDA only')
    if input.features.shape[1] != self.in_channels:
        raise ValueError(f'{self.in_channels} input channels expected, '
                         f'{input.features.shape[1]} given')
    if self.conv1x1:
        indices, out_shape, indice_dict = input.indices, input.spatial_shape, input.indice_dict
        features = pointwise_convolution(input.features, _pointwise_weight(self))
    else:
        indices, out_shape, table, indice_dict = _find_table(self, input)
        features = sparse_convolution(input.features, _kernel_offsets_first(self), table)
    if self.bias is not None:
        features = features + self.bias.to(features.dtype)
    if add_input is not None:
        features = features + add_input.features
    features = _apply_act(features, self.act_type, self.act_alpha, self.act_beta)
    return _output(self, input, features, indices, out_shape, indice_dict)


def _pool_forward(self, input):
    """Forward of ``spconv.pytorch.pool.SparseMaxPool`` on a device other than CUDA."""
    if self.indice_key is not None and input.find_indice_pair(self.indice_key) is not None:
        raise ValueError(f'indice key {self.indice_key} exists')
    indices, out_shape, table, indice_dict = _new_table(self, input)
    features = sparse_max_pool(input.features, table)
    return _output(self, input, features, indices, out_shape, indice_dict)


def _find_table(self, input):
    """Indices, spatial shape and table of the output, and the ``indice_dict`` it carries."""
    found = input.find_indice_pair(self.indice_key)
    if self.inverse:
        if found is None:
            raise ValueError(f'no convolution with indice_key={self.indice_key!r} ran before its '
                             'inverse')
        if found.is_subm:
            raise ValueError('inverse conv can only be used with standard conv and pool ops')
        self._check_inverse_reuse_valid(input, input.spatial_shape, found)
        table = found.indice_pairs.inverse()
        return found.indices, found.spatial_shape, table, input.indice_dict
    if found is not None:
        if not self.subm:
            raise ValueError(f'indice_key {self.indice_key!r}: only support reuse subm indices')
        self._check_subm_reuse_valid(input, input.spatial_shape, found)
        return found.out_indices, found.out_spatial_shape, found.indice_pairs, input.indice_dict
    return _new_table(self, input)


def _new_table(self, input):
    from spconv.pytorch.core import IndiceData
    geometry = (self.kernel_size, self.stride, self.padding, self.dilation)
    shape = input.spatial_shape
    table: SparseConvTable
    if self.subm:
        indices, out_shape = input.indices, shape
        table = submanifold_table(indices, shape, self.kernel_size, self.dilation)
    else:
        transposed = getattr(self, 'transposed', False)
        if transposed:
            out_shape = [(n - 1) * s - 2 * p + k + extra for n, k, s, p, extra in zip(
                shape, self.kernel_size, self.stride, self.padding, self.output_padding)]
        else:
            out_shape = conv_output_shape(shape, *geometry)
        if min(out_shape) < 1:
            raise ValueError(f'the output grid {out_shape} of an input grid {shape} is empty')
        indices, table = strided_table(input.indices, shape, out_shape, *geometry, transposed)
    indice_dict = input.indice_dict.copy()
    if self.indice_key is not None:
        # spconv's own record, so that its checks of a reused key apply; the table is in `pairs`.
        indice_dict[self.indice_key] = IndiceData(
            indices, input.indices, table, None, shape, out_shape, is_subm=self.subm,
            algo=self.algo, ksize=self.kernel_size, stride=self.stride, dilation=self.dilation,
            padding=self.padding)
    return indices, out_shape, table, indice_dict


def _kernel_offsets_first(self) -> torch.Tensor:
    """The module's weight as ``[K, C_in, C_out]``."""
    from spconv.constants import ALL_WEIGHT_IS_KRSC
    from spconv.core import ConvAlgo
    if ALL_WEIGHT_IS_KRSC or self.algo != ConvAlgo.Native:
        return self.weight.reshape(self.out_channels, -1, self.in_channels).permute(1, 2, 0)
    return self.weight.reshape(-1, self.out_channels, self.in_channels).transpose(1, 2)


def _pointwise_weight(self) -> torch.Tensor:
    """``[C_in, C_out]``, in spconv's own reading of the layout of a kernel of size 1."""
    from spconv.constants import FILTER_HWIO
    if FILTER_HWIO:
        return self.weight.view(self.out_channels, self.in_channels).t()
    return self.weight.view(self.in_channels, self.out_channels)


def _output(self, input, features, indices, out_shape, indice_dict):
    if self.record_voxel_count and not self.subm and not getattr(self, 'inverse', False):
        self.get_max_num_voxels().clamp_(min=len(indices))
    output = input.replace_feature(features)
    output.indices = indices
    output.indice_dict = indice_dict
    output.spatial_shape = out_shape
    return output
