import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import DepthPoints


def centred(xyz):
    points = DepthPoints(torch.cat([xyz, torch.full((len(xyz), 1), 7.0)], dim=1), 4, dict(height=3))
    return TRANSFORMS.build(dict(type='CenterPoints'))(dict(points=points))['points'].tensor


def test_the_middle_of_the_extent_and_the_lowest_point():
    moved = centred(torch.tensor([[10.0, 20.0, 3.0], [14.0, 20.0, 5.0], [10.0, 28.0, 4.0]]))
    assert moved.tolist() == [[-2.0, -4.0, 0.0, 7.0], [2.0, -4.0, 2.0, 7.0], [-2.0, 4.0, 1.0, 7.0]]


def test_density_does_not_move_it_and_neither_does_the_origin():
    torch.manual_seed(0)
    corners = torch.tensor([[0.0, 0.0, 0.0], [4.0, 6.0, 3.0]])
    xyz = torch.cat([corners, corners[1] * torch.rand(50, 3)])
    denser = torch.cat([xyz, xyz[:20] * 0.5])
    assert torch.equal(centred(denser)[:len(xyz)], centred(xyz))
    assert torch.allclose(centred(xyz + torch.tensor([8.0, -16.0, 2.0])), centred(xyz), atol=1e-5)


def test_a_single_point():
    assert centred(torch.tensor([[5.0, 6.0, 7.0]])).tolist() == [[0.0, 0.0, 0.0, 7.0]]
