from hashlib import sha256

import numpy as np
import pytest

from erda.weak_labels import BUDGETS, UNLABELED, PerClassBudget, PerScanBudget, RatioBudget, Scan, scan_rng

K, VOID = 5, 19


def scan_labels(n=20_000):
    """Skewed classes, a class with one point, none of class 3, and void."""
    labels = np.array([0] * 70 + [1] * 20 + [2] * 5 + [VOID] * 5)[np.arange(n) * 37 % 100]
    labels[77] = 4
    return labels


def draw(ratio=0.01, scan='sequences/00/velodyne/000000.bin', seed=0):
    return RatioBudget(ratio).labelled(scan_labels(), K, scan_rng(scan, seed))


def test_counts_per_class():
    labels, mask = scan_labels(), draw()
    for label in range(K):
        n = int((labels == label).sum())
        assert mask[labels == label].sum() == (max(int(n * 0.01), 1) if n else 0)
    assert mask[77] and not mask[labels == VOID].any()


def test_golden_mask():
    """The labels of a published comparison must never change, whatever the platform or version of NumPy."""
    mask = np.packbits(draw())
    assert sha256(mask.tobytes()).hexdigest() == '9670912ef30f17c04dce27019b2e4bb048a11f8e8fd22c287f2ff1d334c3bce2'


def test_depends_on_path_and_seed_only():
    assert np.array_equal(draw(), draw())
    assert not np.array_equal(draw(), draw(scan='sequences/00/velodyne/000001.bin'))
    assert not np.array_equal(draw(), draw(seed=1))


def test_smaller_budgets_are_nested():
    small, large = draw(0.001), draw(0.1)
    assert (large | ~small).all() and small.sum() < large.sum()


def test_every_label():
    assert np.array_equal(draw(1.0), scan_labels() != VOID)


@pytest.mark.parametrize('labels', [[], [VOID, VOID], [2]])
def test_small_scans(labels):
    labels = np.array(labels, dtype=np.int64)
    mask = RatioBudget(0.01).labelled(labels, K, scan_rng('a', 0))
    assert np.array_equal(mask, labels < K)


@pytest.mark.parametrize('ratio', [0, -0.1, 1.5])
def test_bad_ratio(ratio):
    with pytest.raises(ValueError, match='ratio'):
        BUDGETS.build(dict(type='RatioBudget', ratio=ratio))


def test_weak_labels_of_a_point_budget():
    labels, mask = scan_labels(), draw()
    weak = RatioBudget(0.01).weaken(labels, K, Scan('a.bin', scan_rng('sequences/00/velodyne/000000.bin', 0)))
    assert np.array_equal(weak, np.where(mask | (labels == VOID), labels, UNLABELED))


@pytest.mark.parametrize('num_points', [1, 3])
def test_points_per_class(num_points):
    labels = scan_labels()
    mask = PerClassBudget(num_points).labelled(labels, K, scan_rng('a', 0))
    counts = np.bincount(labels[mask], minlength=K)
    assert counts.tolist() == [num_points, num_points, num_points, 0, 1] and mask.sum() == counts.sum()
    assert (PerClassBudget(5).labelled(labels, K, scan_rng('a', 0)) | ~mask).all(), 'nested'


@pytest.mark.parametrize('num_points', [1, 20, 100_000])
def test_points_per_scan(num_points):
    labels = scan_labels()
    mask = PerScanBudget(num_points).labelled(labels, K, scan_rng('a', 0))
    assert mask.sum() == min(num_points, (labels != VOID).sum()) and not mask[labels == VOID].any()
    more = PerScanBudget(2 * num_points).labelled(labels, K, scan_rng('a', 0))
    assert (more | ~mask).all(), 'nested'


@pytest.mark.parametrize('budget', ['PerClassBudget', 'PerScanBudget'])
def test_no_points(budget):
    with pytest.raises(ValueError, match=f'{budget}: num_points=0'):
        BUDGETS.build(dict(type=budget, num_points=0))
