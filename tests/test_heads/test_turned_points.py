import math

import pytest
import torch

from erda.heads import turned_points

SCAN = torch.rand(20, 5, generator=torch.Generator().manual_seed(0))


def test_a_turn_keeps_distances_heights_and_features():
    turned = turned_points(SCAN, 0.7, scale=2.0)
    torch.testing.assert_close(torch.cdist(turned[:, :3], turned[:, :3]), 2 * torch.cdist(SCAN[:, :3], SCAN[:, :3]))
    torch.testing.assert_close(turned[:, 2], 2 * SCAN[:, 2])
    assert torch.equal(turned[:, 3:], SCAN[:, 3:])


@pytest.mark.parametrize('mirrored, expected', [((True, False), [-1, 2, 3]), ((False, True), [1, -2, 3])])
def test_mirrored(mirrored, expected):
    assert turned_points(torch.tensor([[1.0, 2.0, 3.0]]), 0.0, mirrored)[0].tolist() == expected


def test_mirrors_come_before_the_turn():
    turned = turned_points(torch.tensor([[1.0, 0.0, 0.0]]), math.pi / 2, (True, False))
    torch.testing.assert_close(turned, torch.tensor([[0.0, -1.0, 0.0]]))
