import pytest
import torch
from torch import nn

from erda.hooks import Bfloat16OptimWrapper, cpu_has_bfloat16


def test_layers_compute_in_bfloat16_and_weights_stay_in_single_precision():
    layer = nn.Linear(4, 2)
    wrapper = Bfloat16OptimWrapper(optimizer=torch.optim.SGD(layer.parameters(), lr=0.1))
    before = layer.weight.detach().clone()
    with wrapper.optim_context(layer):
        out = layer(torch.ones(3, 4))
    assert out.dtype is torch.bfloat16
    wrapper.update_params(out.float().sum())
    assert layer.weight.dtype is torch.float32
    torch.testing.assert_close(layer.weight, before - 0.3)


@pytest.mark.parametrize('has', [True, False])
def test_processors(monkeypatch, has):
    for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported', '_is_arm_bf16_supported'):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: has, raising=False)
    assert cpu_has_bfloat16() is has
