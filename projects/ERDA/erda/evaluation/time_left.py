"""Estimates how long trainings still take, those that have not begun included."""
import heapq
import statistics
import time
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence


class _Seen(NamedTuple):
    """When which share of a training was done."""
    at: float
    share: float


class _Training(NamedTuple):
    """Seconds of a whole training and of the start-up before it; what was seen last."""
    seconds: float
    start_up: float
    last: _Seen


class _Job:
    """A job that has begun: start-up, then a training, then something else, such as a test."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.end: Optional[float] = None
        self.share = 0.0
        self.first: Optional[_Seen] = None
        self.training: Optional[_Training] = None  # when its pace is known

    def see(self, now: float, share: float, seconds: Optional[float]) -> None:
        """A line in its log, which may say how long a whole training takes, but knows of no validation in between."""
        self.share = share
        last = _Seen(now, share)
        first = self.first = self.first or last
        if share > first.share:  # what was done before the first line was hidden by start-up, or done earlier
            seconds = (now - first.at) / (share - first.share)
        if seconds is not None:
            self.training = _Training(seconds, max(first.at - self.start - first.share * seconds, 0.0), last)


class TimeLeft:
    """How long jobs still take, some of them at the same time.

    A job that is running goes on at its own pace. One that waits takes as long as those of its kind, which are running,
    have ended or are known from before, or else as those of other kinds.

    Args:
        kinds: of each job; jobs of one kind take about the same time.
        at_once: how many run at the same time.
        known: seconds of a job, by kind, from before.
    """

    def __init__(self, kinds: Sequence[str], at_once: int, known: Optional[Mapping[str, float]] = None) -> None:
        self.kinds = kinds
        self.at_once = at_once
        self.known = known or {}
        self.jobs: Dict[int, _Job] = {}

    def begin(self, number: int) -> None:
        """A job begins."""
        self.jobs[number] = _Job(time.monotonic())

    def see(self, number: int, share: float, seconds: Optional[float] = None) -> None:
        """This share of a job's training is done; a whole one takes some seconds, if its log says so."""
        self.jobs[number].see(time.monotonic(), share, seconds)

    def end(self, number: int) -> None:
        """A job has ended, well or not."""
        self.jobs[number].end = time.monotonic()

    @property
    def done(self) -> float:
        """How many trainings, with parts of those that are running."""
        return sum(job.share if job.end is None else 1.0 for job in list(self.jobs.values()))

    def seconds(self) -> Optional[float]:
        """An estimate for all jobs together; ``None`` before there is anything to tell it from."""
        now, jobs = time.monotonic(), dict(self.jobs)  # a copy: other threads add to it
        trainings = {number: job.training for number, job in jobs.items() if job.training}
        tests = [job.end - job.training.last.at for job in jobs.values()
                 if job.end is not None and job.training and job.training.last.share >= 1]
        after = {number: statistics.fmean(tests) if tests else training.start_up  # a test has to start, at least
                 for number, training in trainings.items()}
        by_kind: Dict[str, List[float]] = {}
        for number, training in trainings.items():
            by_kind.setdefault(self.kinds[number], []).append(training.start_up + training.seconds + after[number])
        whole = {**self.known, **{kind: statistics.fmean(seconds) for kind, seconds in by_kind.items()}}
        if not whole:
            return None
        others = statistics.fmean(whole.values())

        running: List[float] = []
        waiting: List[float] = []
        for number, kind in enumerate(self.kinds):
            if number not in jobs:
                waiting.append(whole.get(kind, others))
            elif jobs[number].end is None:
                end = jobs[number].start + whole.get(kind, others)
                if number in trainings:
                    training = trainings[number]
                    end = training.last.at + training.seconds * (1 - training.last.share) + after[number]
                running.append(max(end - now, 0.0))
        slots = running + [0.0] * (self.at_once - len(running))
        heapq.heapify(slots)
        for seconds in waiting:
            heapq.heapreplace(slots, slots[0] + seconds)
        return max(slots)
