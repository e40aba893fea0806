import math

import pytest
import torch

from erda.evaluation.prediction_quality import NUM_BINS, class_ious, prediction_quality, quality_gap


def test_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(400, 5, generator=generator)
    classes = torch.randint(5, (400, ), generator=generator)
    p = logits.double().softmax(1)
    quality = prediction_quality(logits, classes)
    assert quality.accuracy == pytest.approx(sum(row.argmax() == c for row, c in zip(p, classes)).item() / 400)
    assert quality.entropy == pytest.approx(-sum((row * row.log()).sum().item() for row in p) / 400, abs=1e-5)
    bins = [[] for _ in range(NUM_BINS)]
    for row, c in zip(p, classes):
        bins[min(int(row.max() * NUM_BINS), NUM_BINS - 1)].append((row.max().item(), float(row.argmax() == c)))
    sets = [({i for i, row in enumerate(p) if row.argmax() == k}, {i for i, c in enumerate(classes) if c == k})
            for k in range(5)]
    assert quality.miou == pytest.approx(sum(len(a & b) / len(a | b) for a, b in sets) / 5)
    ece = sum(abs(sum(x for x, _ in points) - sum(y for _, y in points)) for points in bins) / 400
    assert quality.ece == pytest.approx(ece, abs=1e-5)


def test_sure_and_right_or_wrong():
    logits = torch.tensor([[200., 0, 0]] * 4)
    assert prediction_quality(logits, torch.zeros(4, dtype=torch.long)) == (1.0, 1.0, 0.0, 0.0)
    accuracy, miou, entropy, ece = prediction_quality(logits, torch.tensor([0, 1, 1, 1]))
    assert (accuracy, miou, entropy) == (0.25, 0.125, 0) and ece == pytest.approx(0.75)


def test_uniform_and_calibrated():
    quality = prediction_quality(torch.zeros(4, 4), torch.arange(4))
    assert quality == pytest.approx((0.25, 0.25 / 4, math.log(4), 0))


def test_gap_and_classes_against_a_loop():
    generator = torch.Generator().manual_seed(1)
    p, q = torch.randn(2, 300, 4, generator=generator)
    classes = torch.randint(3, (300, ), generator=generator)  # the last class does not occur
    covered = torch.rand(300, generator=generator) < 0.4
    rows = [i for i in range(300) if covered[i]]

    def scores(logits, points):
        right = [logits[i].argmax() == classes[i] for i in points]
        sets = [({i for i in points if logits[i].argmax() == k}, {i for i in points if classes[i] == k})
                for k in range(3)]
        return sum(right).item() / len(points), [len(a & b) / len(a | b) for a, b in sets]

    gap = quality_gap(p, q, classes, covered)
    (p_accuracy, p_ious), (q_accuracy, q_ious) = scores(p, rows), scores(q, rows)
    assert gap == pytest.approx((p_accuracy - q_accuracy, sum(p_ious) / 3 - sum(q_ious) / 3, len(rows) / 300))
    assert class_ious(p, classes) == pytest.approx(dict(enumerate(scores(p, range(300))[1])))
    nothing = quality_gap(p, q, classes, torch.zeros(300, dtype=torch.bool))
    assert math.isnan(nothing.accuracy) and math.isnan(nothing.miou) and nothing.covered == 0
