import math

import numpy as np
import pytest

from erda.synthetic.room_surfaces import CLASSES, EXPOSED, WALL, Cover, Part, face_areas, inside, sample_surfaces

BOX = Part((1.0, 2.0, 3.0), (0.5, 1.0, 1.5), label=4, color=(10, 20, 30), yaw=0.7, faces=(1,) * 6)


def own_axes(part, xyz):
    """Coordinates in the part's axes, one at its faces."""
    cos_yaw, sin_yaw = math.cos(part.yaw), math.sin(part.yaw)
    offset = xyz - part.center
    x, y = cos_yaw * offset[:, 0] + sin_yaw * offset[:, 1], cos_yaw * offset[:, 1] - sin_yaw * offset[:, 0]
    return np.stack([x, y, offset[:, 2]], axis=1) / part.half_size


def test_classes_are_those_of_mmdet3d():
    from mmdet3d.datasets import S3DISSegDataset
    assert S3DISSegDataset.METAINFO['classes'] == CLASSES


def test_points_of_a_box_lie_on_its_faces_in_proportion_to_area():
    points = sample_surfaces(np.random.default_rng(0), [[BOX]], 2000.0)
    own = own_axes(BOX, points.xyz)
    assert np.allclose(np.abs(own).max(axis=1), 1.0)
    assert len(own) == pytest.approx(2000 * 22, rel=0.03)  # 2 (1*2 + 1*3 + 2*3) square metres
    on_top = np.isclose(own[:, 2], 1.0)
    assert on_top.mean() == pytest.approx(2 / 22, abs=0.01)
    assert np.allclose(points.normal[on_top], (0, 0, 1))
    assert np.allclose(np.linalg.norm(points.normal, axis=1), 1.0)
    assert (points.label == 4).all() and (points.color == (10, 20, 30)).all()


def test_points_of_a_cylinder_lie_on_its_tube_and_ends():
    tube = BOX._replace(half_size=(0.5, 0.5, 1.0), round=True)
    own = own_axes(tube, sample_surfaces(np.random.default_rng(0), [[tube]], 2000.0).xyz)
    radius, on_end = np.hypot(own[:, 0], own[:, 1]), np.isclose(np.abs(own[:, 2]), 1.0)
    assert np.allclose(radius[~on_end], 1.0) and (radius <= 1 + 1e-9).all()
    assert len(own) == pytest.approx(2000 * (2 * math.pi + math.pi / 2), rel=0.03)
    assert np.median(radius[on_end]) == pytest.approx(math.sqrt(0.5), abs=0.02)
    angle = np.histogram(np.arctan2(own[~on_end, 1], own[~on_end, 0]), bins=8)[0]
    assert angle.max() < 1.2 * angle.min()


def test_faces_and_zero_sizes_leave_what_is_seen():
    plate = Part((0, 0, 0), (1.0, 0.0, 1.0), WALL, (0, 0, 0), faces=(0, 0, 0, 1, 0, 0))
    assert face_areas([[plate]]).tolist() == [[0, 0, 0, 4, 0, 0]]
    assert (sample_surfaces(np.random.default_rng(0), [[plate]], 50.0).normal == (0, 1, 0)).all()


def test_instances_follow_the_order_of_things():
    other = BOX._replace(label=2)
    points = sample_surfaces(np.random.default_rng(0), [[BOX, BOX], [other]], 50.0)
    assert set(zip(points.label.tolist(), points.instance.tolist())) == {(4, 1), (2, 2)}


def test_undersides_are_seen_less():
    assert EXPOSED[4] < min(EXPOSED[:4] + EXPOSED[5:])


def test_moved_turns_about_the_origin_and_shifts():
    moved = BOX.moved(10.0, 20.0, 30.0, math.pi / 2)
    assert moved.center == pytest.approx((8.0, 21.0, 33.0))
    assert moved.yaw == pytest.approx(0.7 + math.pi / 2)


def test_inside_respects_the_turn_of_a_cover():
    cover = Cover((0, 0, 0), (1.0, 0.1, 1.0), yaw=math.pi / 2)
    xyz = np.array([[0.0, 0.9, 0.0], [0.9, 0.0, 0.0], [0.0, 0.0, 0.9], [0.0, 0.0, 1.1]])
    assert inside(cover, xyz).tolist() == [0, 2]
