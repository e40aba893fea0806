import json

import numpy as np
import pytest
import torch
from mmdet3d.structures.points import DepthPoints, LiDARPoints

from erda.clouds.feature_ranges import (
    SAMPLED_POINTS,
    as_plain,
    far_features,
    feature_range,
    from_plain,
    is_far,
    loaded_features,
    ranges_of,
)

UNIT = np.random.default_rng(0).random(5000)


@pytest.mark.parametrize('values, far', [
    (UNIT, False),
    (UNIT * 255, True),  # 8 bits for a share
    (UNIT / 257, True),  # 8-bit colours beside 16-bit ones
    (UNIT / 255, True),
    (UNIT * 0.4 + 0.3, False),  # a dull day
    (np.where(UNIT < 0.97, UNIT, 50), True),  # three in a hundred far beyond everything
    (np.append(UNIT, 50), False),  # a single one
    (UNIT * 0, True),  # the scanner recorded none
])
def test_far_is_another_unit_and_not_another_day(values, far):
    assert is_far(feature_range(values), feature_range(UNIT)) == far


def test_sentences_name_the_feature():
    found, trained = ranges_of([dict(rgb=UNIT, intensity=UNIT * 255)]), ranges_of([dict(rgb=UNIT, intensity=UNIT)])
    sentence, = far_features(found, trained)
    assert sentence.startswith('intensity is 2.') and ', far from the 0.0' in sentence
    assert far_features(found, {}) == []


def test_features_as_mmdet3d_names_them():
    rows = torch.arange(12.).reshape(2, 6)
    room = loaded_features(DepthPoints(rows, points_dim=6, attribute_dims=dict(color=[3, 4, 5])))
    assert list(room) == ['color'] and room['color'].tolist() == [3, 4, 5, 9, 10, 11]
    assert loaded_features(LiDARPoints(rows[:, :4], points_dim=4))['intensity'].tolist() == [3, 9]
    assert loaded_features(LiDARPoints(rows[:, :3], points_dim=3)) == {}
    many = LiDARPoints(torch.zeros(10 * SAMPLED_POINTS, 4), points_dim=4)
    assert len(loaded_features(many)['intensity']) == SAMPLED_POINTS


def test_plain_values_come_back():
    ranges = ranges_of([dict(a=np.array([0, np.nan, 2]), b=np.array([np.inf])), dict(a=np.array([4.]))])
    assert list(ranges) == ['a'] and (ranges['a'].minimum, ranges['a'].median, ranges['a'].maximum) == (0, 2, 4)
    assert from_plain(json.loads(json.dumps(as_plain(ranges)))) == ranges
    assert from_plain(None) == from_plain(dict(a=dict(minimum=0), b=3)) == {}
