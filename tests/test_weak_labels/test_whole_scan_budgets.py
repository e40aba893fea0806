import numpy as np
import pytest

from erda.weak_labels import BUDGETS, UNLABELED, FrameBudget, GivenLabels, Scan, scan_rng

K, VOID = 3, 9
LABELS = np.array([0, 2, VOID, 1, UNLABELED])


def labelled_scans(ratio, seed=0, scans=2000):
    """Which scans have their labels; void is void in all of them."""
    budget, labelled = FrameBudget(ratio), set()
    for i in range(scans):
        weak = budget.weaken(LABELS, K, Scan(f'{i}.bin', scan_rng(f'{i}.bin', seed)))
        assert weak.tolist() in (LABELS.tolist(), [UNLABELED, UNLABELED, VOID, UNLABELED, UNLABELED])
        if weak[0] == 0:
            labelled.add(i)
    return labelled


def test_share_of_scans():
    few, many = labelled_scans(0.1), labelled_scans(0.3)
    assert few < many, 'nested'
    assert abs(len(few) - 200) < 5 * np.sqrt(2000 * 0.1 * 0.9)
    assert labelled_scans(0.1, seed=1) != few
    assert labelled_scans(0.1, scans=100) == {i for i in few if i < 100}, 'the other scans do not matter'
    assert len(labelled_scans(1.0, scans=50)) == 50


@pytest.mark.parametrize('ratio', [0, 1.1])
def test_bad_ratio(ratio):
    with pytest.raises(ValueError, match='FrameBudget: ratio'):
        BUDGETS.build(dict(type='FrameBudget', ratio=ratio))


def test_given_labels():
    assert GivenLabels().weaken(LABELS, K, Scan('a.bin', scan_rng('a.bin', 0))).tolist() == LABELS.tolist()


def test_names():
    assert [str(FrameBudget(0.1)), str(BUDGETS.build(dict(type='GivenLabels')))] == ['10% of scans', 'as given']
