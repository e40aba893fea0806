"""The view itself; tests/integration/test_second_view.py has trainings."""
import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from erda.hooks import SecondViewHook
from erda.hooks.second_view_hook import _flips

SCAN = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))


def test_a_view_turns_mirrors_and_scales_alone():
    torch.manual_seed(0)
    hook = SecondViewHook(flip=True, scale=(0.5, 2.0))
    views = [hook._turned(SCAN) for _ in range(40)]
    mirrored, scales, angles = set(), [], []
    for view in views:
        assert torch.equal(view[:, 3:], SCAN[:, 3:]) and view.dtype == SCAN.dtype
        map_ = torch.linalg.lstsq(SCAN[:, :3].double(), view[:, :3].double()).solution
        scale = map_[2, 2].item()
        scales.append(scale)
        torch.testing.assert_close(map_ @ map_.T, scale**2 * torch.eye(3, dtype=torch.double), atol=1e-5, rtol=0)
        mirrored.add(round(torch.linalg.det(map_[:2, :2]).item() / scale**2))
        angles.append(math.atan2(map_[0, 1], map_[0, 0]))
    assert mirrored == {-1, 1}
    assert 0.5 <= min(scales) < 0.7 and 1.8 < max(scales) <= 2
    assert min(angles) < -2.5 and max(angles) > 2.5


def test_the_same_view():
    hook = SecondViewHook(rotation=0, scale=(1, 1))
    torch.testing.assert_close(hook._turned(SCAN), SCAN)


@pytest.mark.parametrize('pipeline', [[], [dict(type='RandomFlip3D', flip_ratio_bev_horizontal=0.5)]])
def test_mirrors_where_the_pipeline_does(pipeline):
    init_default_scope('mmdet3d')
    wrapped = SimpleNamespace(dataset=SimpleNamespace(pipeline=Compose(pipeline)))
    assert _flips(wrapped) == bool(pipeline)


@pytest.mark.parametrize('arguments, averaged', [({}, True), (dict(update_buffers=False), False)])
def test_statistics_are_averaged_unless_asked_otherwise(arguments, averaged):
    assert SecondViewHook(**arguments).ema_cfg['update_buffers'] is averaged


def test_no_view_at_all():
    with pytest.raises(ValueError, match='num_views=0'):
        SecondViewHook(num_views=0)


@pytest.mark.parametrize('arguments', [dict(rotation=-1), dict(scale=(0, 1)), dict(scale=(2, 1))])
def test_errors(arguments):
    with pytest.raises(ValueError, match='rotation=.* scale='):
        SecondViewHook(**arguments)
