"""Budgets that draw on a subsampled cloud: one point of each occupied voxel."""
from hashlib import sha256

import numpy as np
import pytest

from erda.weak_labels import (
    BUDGETS,
    UNLABELED,
    PerClassBudget,
    PerScanBudget,
    RatioBudget,
    Scan,
    grid_subsample,
    scan_rng,
)

K, VOID, EDGE = 3, 9, 0.1
BASE = dict(voxel_size=EDGE)


def cloud(n=4000):
    """Points in a cube around the origin, about four in a voxel; classes by height, void on top."""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (n, 3)).astype(np.float32)
    labels = np.select([points[:, 2] < 0, points[:, 2] < 0.3, points[:, 2] < 0.4], [0, 1, 2], VOID)
    return points, labels


def weaken(budget, points, labels, seed=0):
    return budget.weaken(labels, K, Scan('a.bin', scan_rng('a.bin', seed), points=points))


@pytest.mark.parametrize('ratio', [0.001, 0.05, 1.0])
def test_ratio_counts_subsampled_points(ratio):
    points, labels = cloud()
    weak = weaken(RatioBudget(ratio, base=BASE), points, labels)
    first = grid_subsample(points, EDGE)
    seen = np.flatnonzero((weak != UNLABELED) & (weak != VOID))
    assert np.isin(seen, first).all() and np.array_equal(weak[seen], labels[seen])
    assert np.array_equal(weak == VOID, labels == VOID)
    for label in range(K):
        assert (weak == label).sum() == max(int((labels[first] == label).sum() * ratio), 1)


@pytest.mark.parametrize('cls', [PerClassBudget, PerScanBudget])
def test_numbers_of_subsampled_points(cls):
    points, labels = cloud()
    weak = weaken(cls(5, base=BASE), points, labels)
    seen = np.flatnonzero((weak != UNLABELED) & (weak != VOID))
    assert len(seen) == (15 if cls is PerClassBudget else 5) and np.isin(seen, grid_subsample(points, EDGE)).all()
    more = weaken(cls(50, base=BASE), points, labels)
    assert np.array_equal(more[seen], weak[seen]), 'nested'


def test_golden_mask():
    """The labels of a published comparison must never change, whatever the platform or version of NumPy."""
    points, labels = cloud()
    seen = weaken(RatioBudget(0.05, base=BASE), points, labels) != np.where(labels == VOID, VOID, UNLABELED)
    digest = sha256(np.packbits(seen).tobytes()).hexdigest()
    assert digest == '5c52556282764d3ee1400dcda2e8953f8a32fe40f057d41eba851f5f5ec0738b'


def test_seed_and_names():
    points, labels = cloud()
    budget = BUDGETS.build(dict(type='RatioBudget', ratio=0.01, base=dict(voxel_size=0.04)))
    assert np.array_equal(weaken(budget, points, labels), weaken(budget, points, labels))
    assert not np.array_equal(weaken(budget, points, labels), weaken(budget, points, labels, seed=1))
    assert str(budget) == '1% (of 4 cm voxels)' and str(RatioBudget(0.01)) == '1%'
    assert str(PerClassBudget(1, base=BASE)) == '1 per class and scan (of 10 cm voxels)'


@pytest.mark.parametrize('base', [dict(), dict(voxel_size=0), dict(voxel=0.04), dict(voxel_size=0.04, mode='mean')])
def test_bad_base(base):
    with pytest.raises(ValueError, match='RatioBudget: base='):
        BUDGETS.build(dict(type='RatioBudget', ratio=0.01, base=base))


def test_needs_points():
    with pytest.raises(ValueError, match='needs the points of a.bin'):
        weaken(RatioBudget(0.01, base=BASE), None, cloud()[1])
