from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; where torch only imitates it, it is slower than float32."""
    return any(getattr(torch.cpu, name, lambda: False)() for name in (
        '_is_avx512_bf16_supported', '_is_amx_tile_supported', '_is_arm_bf16_supported'))


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: convolutions and linear layers compute in bfloat16, weights stay in float32.

    mmengine's ``AmpOptimWrapper`` is for accelerators. bfloat16 has the range of float32, so there is no loss scale.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
