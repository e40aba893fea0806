"""Columns of bare numbers are found out from what the numbers look like."""
import math

import numpy as np
import pytest

from erda.clouds.bin_columns import WIDTHS, names_of_columns, plausible_widths

COUNT = math.lcm(*WIDTHS) * 5  # every number of columns fits
RNG = np.random.default_rng(0)


def scan(count=COUNT):
    """As a sensor at the origin sees it."""
    distance, angle = RNG.gamma(2, 8, count), np.linspace(0, 40, count) % (2 * np.pi)
    return np.c_[distance * np.cos(angle), distance * np.sin(angle), RNG.normal(-1.6, 0.5, count)]


def room(count=COUNT):
    return RNG.uniform([-3, 0, 0], [4, 5, 2.6], (count, 3))


def unit():
    return RNG.uniform(0, 1, COUNT)


KINDS = {
    'bare scan': (3, scan, ['x', 'y', 'z']),
    'bare room': (3, room, ['x', 'y', 'z']),
    'KITTI': (4, lambda: np.c_[scan(), unit()], ['x', 'y', 'z', 'intensity']),
    'intensity of 8 bits': (4, lambda: np.c_[scan(), RNG.integers(0, 256, COUNT)], ['x', 'y', 'z', 'intensity']),
    'nuScenes': (5, lambda: np.c_[scan(), RNG.integers(0, 256, COUNT), np.arange(COUNT) % 32],
                 ['x', 'y', 'z', 'intensity', 'ring']),
    'sixteen rings': (5, lambda: np.c_[scan(), unit(), np.arange(COUNT) % 16], ['x', 'y', 'z', 'intensity', 'ring']),
    'time': (5, lambda: np.c_[scan(), unit(), np.linspace(-0.5, 0.5, COUNT)],
             ['x', 'y', 'z', 'intensity', 'column_5']),
    'room with colours': (6, lambda: np.c_[room(), RNG.integers(0, 256, (COUNT, 3))],
                          ['x', 'y', 'z', 'red', 'green', 'blue']),
    'Waymo': (6, lambda: np.c_[scan(), unit(), unit() * 2, np.arange(COUNT) % 5],
              ['x', 'y', 'z', 'intensity', 'column_5', 'column_6']),
    'many': (8, lambda: np.c_[scan(), unit() * 255, np.arange(COUNT) % 64, RNG.normal(0, 300, (COUNT, 3))],
             ['x', 'y', 'z', 'intensity', *(f'column_{i}' for i in range(5, 9))]),
}


@pytest.mark.parametrize('kind', KINDS)
def test_the_only_plausible_number(kind):
    width, make, names = KINDS[kind]
    points = make().astype(np.float32)
    assert plausible_widths(points.ravel()) == [width]
    assert names_of_columns(width, points[:1000]) == names


def test_a_few_points_do_not_tell():
    assert plausible_widths(scan(20).astype(np.float32).ravel()) == [3, 4, 5, 6]


@pytest.mark.parametrize('values', [
    RNG.integers(0, 20, 4 * COUNT).astype('<u4').view('<f4'), np.random.default_rng(0).bytes(16 * COUNT),
    (scan() + 6e6).astype('<f8').view('<f4')])
def test_other_numbers_make_no_sense(values):
    values = np.frombuffer(values, '<f4') if isinstance(values, bytes) else values.ravel()
    assert plausible_widths(values) == []
