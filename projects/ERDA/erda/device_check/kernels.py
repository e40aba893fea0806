"""Each kernel against its CPU result, forward and gradients."""
import copy
import sys
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List
from unittest.mock import patch

import torch
from torch import Tensor

from ..ops import ball_query, furthest_point_sample, knn, three_interpolate, voxelize
from ..ops.mmcv_ext import PORTABLE_KERNELS
from .kernel_cases import KernelCase

TOLERANCE = 1e-4  # relative to the largest number


def check_kernel(case: KernelCase, device: torch.device) -> str:
    """Outputs and gradients against those of the CPU; on the CPU, of the code for other devices.

    Raises:
        AssertionError: if they differ.
    """
    expected, gradients = _run_kernel(case, torch.device('cpu'))
    with as_on_other_devices(device), portable_kernels():
        found, found_gradients = _run_kernel(case, device)
    for number, (x, y) in enumerate(zip(found, expected)):
        assert_close(x, y, f'output {number}')
    for number, (x, y) in enumerate(zip(found_gradients, gradients)):
        assert_close(x, y, f'gradient {number}')
    return f'{len(expected)} outputs and {len(gradients)} gradients equal'


def assert_close(found: Tensor, expected: Tensor, what: str, tolerance: float = TOLERANCE) -> None:
    """Compare with a result of the CPU: equal integers, floats as close as ``tolerance`` says.

    Raises:
        AssertionError: if they differ.
    """
    found, expected = found.detach().cpu(), expected.detach()
    if expected.dtype.is_floating_point:
        scale = max(float(expected.abs().max()), 1.0) if expected.numel() else 1.0
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * scale,
                                   msg=lambda text: f'{what}: {text}')
    elif not torch.equal(found, expected):
        raise AssertionError(f'{what}: {int((found != expected).sum())} of {expected.numel()} numbers differ')


def _run_kernel(case: KernelCase, device: torch.device) -> tuple:
    layers = [] if case.layers is None else [copy.deepcopy(case.layers).to(device)]
    inputs = [x.detach().to(device).clone().requires_grad_(x.dtype.is_floating_point) for x in case.inputs]
    outputs = [*case.call(*inputs, *layers)]
    summed = [(x * torch.linspace(0, 1, x.numel(), dtype=x.dtype, device=device).view(x.shape)).sum()
              for x in outputs if x.requires_grad]
    wanted = [x for x in (*inputs, *(x for module in layers for x in module.parameters())) if x.requires_grad]
    gradients = torch.autograd.grad(torch.stack(summed).sum(), wanted, allow_unused=True) if summed else []
    return outputs, [x for x in gradients if x is not None]


@contextmanager
def as_on_other_devices(device: torch.device) -> Iterator[None]:
    """On the CPU, the kernels with a loop as they run elsewhere: in plain PyTorch, not in compiled loops."""
    with ExitStack() as stack:
        modules = (ball_query, furthest_point_sample, knn, three_interpolate, voxelize)
        for module in modules if device.type == 'cpu' else ():
            stack.enter_context(patch.object(module, 'takes_compiled_loop', return_value=False))
        yield


@contextmanager
def portable_kernels() -> Iterator[None]:
    """Our kernels in the place of compiled ones of mmcv and of spconv, on CUDA, too."""
    with ExitStack() as stack:
        extension = sys.modules['mmcv._ext']
        for name, kernel in PORTABLE_KERNELS.items():
            stack.enter_context(patch.object(extension, name, kernel))
        for layer in _spconv_layers():
            stack.enter_context(patch.object(layer, 'forward', layer.forward.portable))
        yield


def _spconv_layers() -> List[Any]:
    try:
        from spconv.pytorch.conv import SparseConvolution
        from spconv.pytorch.pool import SparseMaxPool
    except ImportError:
        return []
    return [SparseConvolution, SparseMaxPool]
