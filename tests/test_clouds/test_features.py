import numpy as np
import pytest

from erda.clouds.cloud_files import PointCloud, PointCloudError
from erda.clouds.features import (
    feature_dims,
    find_field,
    height_above_ground,
    local_points,
    num_channels,
    point_features,
)

FEATURES = ('rgb', 'height_above_ground', 'return_number')


def cloud(**fields):
    rng = np.random.default_rng(0)
    return PointCloud(rng.uniform(0, 10, (50, 3)), fields)


def test_columns():
    assert feature_dims(FEATURES) == {'color': [3, 4, 5], 'height_above_ground': [6], 'return_number': [7]}
    assert num_channels(FEATURES) == 8
    fields = dict(red=np.full(50, 255, np.uint8), green=np.full(50, 51, np.uint8), blue=np.zeros(50, np.uint8),
                  return_number=np.full(50, 3))
    points = local_points(cloud(**fields), FEATURES, {'return_number': 6.}).points
    assert points.shape == (50, 8) and points.dtype == np.float32
    np.testing.assert_allclose(points[:, [3, 4, 5, 7]], [[1, 0.2, 0, 0.5]] * 50)


@pytest.mark.parametrize('dtype, value, scale, expected', [
    (np.uint8, 255, {}, 1), (np.uint16, 65535, {}, 1), (np.uint16, 255, {'intensity': 255.}, 1),
    (np.float32, 0.5, {}, 0.5), (np.int64, 255, {}, 1),
])
def test_scale(dtype, value, scale, expected):
    features = point_features(cloud(intensity=np.full(50, value, dtype)), ['intensity'], scale)
    np.testing.assert_allclose(features, expected)


def test_names_of_other_programs():
    assert find_field(['scalar_Intensity'], 'intensity') == 'scalar_Intensity'
    assert find_field(['Red', 'red'], 'red') == 'red' and find_field([], 'red') is None
    with pytest.raises(PointCloudError, match="no field 'intensity', only a, b"):
        point_features(cloud(a=np.ones(50), b=np.ones(50)), ['intensity'], {})


def test_height_above_a_slope_with_a_house_and_a_tree():
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(0, 80, 0.5), np.arange(0, 60, 0.5)))
    ground = 100 + 0.05 * x
    above = np.zeros_like(x)
    above[(np.abs(x - 40) < 6) & (np.abs(y - 30) < 5)] = 7  # a roof of 12 m x 10 m without any point below
    above[(np.abs(x - 10) < 2) & (np.abs(y - 10) < 2)] = 4
    height = height_above_ground(np.stack([652000 + x, 6862000 + y, ground + above], axis=1))
    assert height.dtype == np.float32
    assert np.abs(height - above).max() < 0.7 and np.abs(height - above).mean() < 0.1


def test_height_of_one_point_and_of_far_points():
    assert height_above_ground(np.array([[1., 2, 3]])).tolist() == [0]
    far = np.array([[0., 0, 1], [1e7, 1e7, 2]])
    assert np.isfinite(height_above_ground(far)).all()
