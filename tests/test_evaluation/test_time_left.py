"""The cases with a clock that the test sets."""
import pytest

from erda.evaluation import time_left as module
from erda.evaluation.time_left import TimeLeft


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, 'time', clock)
    return clock


def at(clock, now):
    clock.now = float(now)


def test_nothing_is_known_before_a_pace_is():
    estimate = TimeLeft(['a', 'a'], 1)
    assert estimate.seconds() is None
    estimate.begin(0)
    assert estimate.seconds() is None
    estimate.see(0, 0.1)
    assert estimate.seconds() is None and estimate.done == pytest.approx(0.1)


def test_first_cell(clock):
    """Start-up of 10 s, a training of 200 s, a test of 30 s; three jobs, two at a time."""
    estimate = TimeLeft(['a', 'b', 'c'], 2)
    estimate.begin(0)
    at(clock, 20)
    estimate.see(0, 0.05, seconds=200.0)  # a log that tells the pace
    assert estimate.seconds() == pytest.approx(190 + 10 + 220), 'the third after the first; a test takes some start-up'
    at(clock, 30)
    assert estimate.seconds() == pytest.approx(190 + 10 + 220 - 10), 'the clock runs, also between lines'
    estimate.begin(1)
    estimate.see(0, 0.1, seconds=999.0)
    assert estimate.seconds() == pytest.approx(190 + 220), 'seen is better than told'
    at(clock, 210)
    estimate.see(0, 1.0)
    at(clock, 240)
    estimate.end(0)
    assert estimate.seconds() == pytest.approx(240), 'the second has 30 s left, the third has a place now'
    assert estimate.done == 1


def test_a_job_that_waits_takes_as_long_as_its_kind(clock):
    estimate = TimeLeft(['slow', 'fast', 'slow', 'new'], 1)
    for number, seconds in ((0, 300), (1, 100)):
        start = clock.now
        estimate.begin(number)
        estimate.see(number, 0.0)
        at(clock, start + seconds)
        estimate.see(number, 1.0)
        estimate.end(number)
    assert estimate.seconds() == pytest.approx(300 + 200), 'a new kind takes the mean of those that are known'
    assert TimeLeft(['slow', 'fast'], 1, {'slow': 7.0, 'fast': 5.0}).seconds() == pytest.approx(12)
    assert TimeLeft(['slow', 'fast'], 2, {'slow': 7.0, 'fast': 5.0}).seconds() == pytest.approx(7)


def test_what_an_earlier_call_has_trained_is_no_pace(clock):
    estimate = TimeLeft(['a', 'a'], 1)
    estimate.begin(0)
    at(clock, 10)
    estimate.see(0, 0.8)
    at(clock, 30)
    estimate.see(0, 0.9)
    assert estimate.seconds() == pytest.approx(20 + 200), 'a tenth is left of the first, the second is whole'
    at(clock, 1000)
    assert estimate.seconds() == pytest.approx(200), 'late, but not less than nothing'


def test_a_job_that_fails_tells_nothing_of_the_others(clock):
    estimate = TimeLeft(['a', 'a'], 1, {'a': 50.0})
    estimate.begin(0)
    at(clock, 1)
    estimate.end(0)
    assert estimate.seconds() == pytest.approx(50)
    estimate.begin(1)
    at(clock, 11)
    assert estimate.seconds() == pytest.approx(40)
    estimate.end(1)
    assert estimate.seconds() == 0


def test_the_time_until_a_training_fails_is_not_that_of_a_test(clock):
    estimate = TimeLeft(['a', 'a'], 1)
    estimate.begin(0)
    estimate.see(0, 0.0)
    at(clock, 10)
    estimate.see(0, 0.5)
    at(clock, 500)
    estimate.end(0)
    assert estimate.seconds() == pytest.approx(20)
