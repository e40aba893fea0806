"""Everything that a negative label tells can be read again, in any combination."""
import numpy as np
import torch

from erda.weak_labels import UNLABELED
from erda.weak_labels.unlabelled_codes import MOST_CLASSES, decoded, with_hidden, with_propagated

LABELS = np.array([0, 7, 253, UNLABELED, UNLABELED, UNLABELED, UNLABELED])
HIDDEN = np.array([9, 9, 9, 0, 19, MOST_CLASSES - 1, 3])
PROPAGATED = np.array([1, 1, 1, MOST_CLASSES - 1, 0, -1, 5])
CONFIDENCE = np.array([1, 1, 1, 1.0, 0.0, 0.0, 0.4])
UNSEEN = LABELS == UNLABELED


def told(labels):
    return [values.numpy() for values in decoded(torch.from_numpy(labels))]


def test_nothing():
    mask, hidden, asked, propagated, confidence = told(LABELS)
    assert np.array_equal(mask, UNSEEN)
    assert (hidden == -1).all() and (propagated == -1).all() and not asked.any() and not confidence.any()


def test_hidden_classes():
    labels = with_hidden(LABELS, HIDDEN)
    assert np.array_equal(labels[~UNSEEN], LABELS[~UNSEEN]) and (labels[UNSEEN] < UNLABELED).all()
    mask, hidden, asked, _, _ = told(labels)
    assert np.array_equal(mask, UNSEEN) and np.array_equal(hidden, np.where(UNSEEN, HIDDEN, -1)) and not asked.any()


def test_propagated_classes_with_and_without_hidden_ones():
    for labels in (LABELS, with_hidden(LABELS, HIDDEN)):
        both = with_propagated(labels, PROPAGATED, CONFIDENCE)
        mask, hidden, asked, propagated, confidence = told(both)
        assert np.array_equal(both[~UNSEEN], LABELS[~UNSEEN])
        assert np.array_equal(mask, UNSEEN) and np.array_equal(asked, UNSEEN)
        assert np.array_equal(hidden, told(labels)[1])
        assert np.array_equal(propagated, np.where(UNSEEN, PROPAGATED, -1))
        np.testing.assert_allclose(confidence, np.where(UNSEEN, CONFIDENCE, 0), atol=0.5 / 255)
