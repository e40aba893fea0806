import numpy as np
import pytest

from erda.sampling import vote

LINE = np.stack([np.linspace(0, 10, 60), np.zeros(60), np.zeros(60)], axis=1)


class Recorder:
    """Predicts random numbers and keeps what it was asked for."""

    def __init__(self):
        self.rng, self.calls = np.random.default_rng(0), []

    def __call__(self, samples, centers):
        predicted = self.rng.random((len(samples), len(samples[0]), 3)).astype(np.float32)
        self.calls += zip(samples, centers, predicted)
        return predicted


@pytest.mark.parametrize('batch_size', [1, 3])
@pytest.mark.parametrize('momentum', [0.0, 0.95])
def test_average_is_that_of_a_slow_loop(momentum, batch_size):
    """Averages that begin at zero, as the authors' do, differ from it by a factor of each point's own."""
    record = Recorder()
    average = vote(LINE, 12, record, votes=1.5, momentum=momentum, batch_size=batch_size)
    for point in range(len(LINE)):
        value, weight = np.zeros(3), 0.0
        for rows, _, predicted in record.calls:
            for row, prediction in zip(rows, predicted):
                if row == point:
                    value = momentum * value + (1 - momentum) * prediction
                    weight = momentum * weight + 1 - momentum
        np.testing.assert_allclose(average[point], value / weight, rtol=1e-5)


def test_samples_stop_when_each_point_has_had_its_votes():
    counts = []
    for votes in (0.01, 1, 5):
        record = Recorder()
        vote(LINE, 12, record, votes)
        assert {row for rows, _, _ in record.calls for row in rows} == set(range(len(LINE)))
        counts.append(len(record.calls))
    assert counts[0] < counts[1] < counts[2]


@pytest.mark.parametrize('num_points', [1, 5])
def test_a_small_scan_is_one_sample_filled_up(num_points):
    record = Recorder()
    average = vote(LINE[:num_points], 12, record, votes=0.5)
    rows, _, predicted = record.calls[0]
    assert len(rows) == 12 and set(rows) == set(range(num_points))
    if len(record.calls) == 1:
        np.testing.assert_allclose(average[rows[:num_points]], predicted[:num_points], rtol=1e-6)


def test_the_same_scan_gets_the_same_votes_twice():
    assert np.array_equal(vote(LINE, 12, Recorder(), 2), vote(LINE, 12, Recorder(), 2))
