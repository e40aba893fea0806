import numpy as np
import torch

from erda.pseudo_labels import propagated_prior
from erda.weak_labels import PropagatedLabels
from erda.weak_labels.label_propagation import weighted_by_prior

K = 5
LABEL = torch.tensor([0, 4, 2, -1, 3])
CONFIDENCE = torch.tensor([0.9, 0.3, 0.1, 0.8, 0.6])  # the third is less than a guess


def test_same_as_at_prediction():
    logits = torch.randn(5, K, generator=torch.Generator().manual_seed(0))
    prior = PropagatedLabels(LABEL.numpy(), CONFIDENCE.numpy(), np.zeros(5))
    for exponent in (0.25, 1.0):
        expected = weighted_by_prior(logits.softmax(dim=1).numpy(), prior, exponent)
        actual = (logits + exponent * propagated_prior(LABEL, CONFIDENCE, K)).softmax(dim=1)
        torch.testing.assert_close(actual, torch.from_numpy(expected), atol=1e-5, rtol=1e-4)


def test_nothing_to_say():
    prior = propagated_prior(LABEL, CONFIDENCE, K)
    assert not prior[[2, 3]].any() and prior[[0, 1, 4]].any(dim=1).all()


def test_certainty_stays_finite():
    assert propagated_prior(torch.tensor([1]), torch.tensor([1.0]), 2).isfinite().all()
