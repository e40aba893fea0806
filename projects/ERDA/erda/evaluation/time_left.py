"""Estimates how long trainings still take, those that have not begun included."""
import heapq
import statistics
import time
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence


class _Seen(NamedTuple):
    """When which share of a training was done."""
    at: float
    share: float


class _Job:
    """A job that has begun: start-up, then a training, then something else, such as a test."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.end: Optional[float] = None
        self.first: Optional[_Seen] = None
        self.last: Optional[_Seen] = None
        self.training: Optional[float] = None  # seconds of a whole one

    def see(self, now: float, share: float, training: Optional[float]) -> None:
        """A line in its log; ``training`` as that says, which knows of no validation in between."""
        self.last = _Seen(now, share)
        if self.first is None:
            self.first = self.last
            self.training = training
        elif share > self.first.share:  # what was done before the first line was hidden by start-up, or done earlier
            self.training = (now - self.first.at) / (share - self.first.share)

    @property
    def start_up(self) -> float:
        return max(self.first.at - self.start - self.first.share * self.training, 0.0)

    @property
    def after_training(self) -> Optional[float]:
        """Seconds from the training's last line on, if all of that has been seen."""
        return self.end - self.last.at if self.end is not None and self.last and self.last.share >= 1 else None


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
        self.jobs: List[Optional[_Job]] = [None] * len(kinds)

    def begin(self, number: int) -> None:
        """A job begins."""
        self.jobs[number] = _Job(time.monotonic())

    def see(self, number: int, share: float, training: Optional[float] = None) -> None:
        """This share of a job's training is done; a whole one takes ``training`` seconds, if its log says so."""
        self.jobs[number].see(time.monotonic(), share, training)

    def end(self, number: int) -> None:
        """A job has ended, well or not."""
        self.jobs[number].end = time.monotonic()

    @property
    def done(self) -> float:
        """How many trainings, with parts of those that are running."""
        return sum(1.0 if job.end is not None else job.last.share if job.last else 0.0 for job in self.jobs if job)

    def seconds(self) -> Optional[float]:
        """An estimate for all jobs together; ``None`` before there is anything to tell it from."""
        now = time.monotonic()
        seen = {number: job for number, job in enumerate(self.jobs) if job and job.training is not None}
        ends = [job.after_training for job in seen.values() if job.after_training is not None]
        after = {number: statistics.fmean(ends) if ends else job.start_up for number, job in seen.items()}
        by_kind: Dict[str, List[float]] = {}
        for number, job in seen.items():
            by_kind.setdefault(self.kinds[number], []).append(job.start_up + job.training + after[number])
        whole = {**self.known, **{kind: statistics.fmean(seconds) for kind, seconds in by_kind.items()}}
        if not whole:
            return None
        others = statistics.fmean(whole.values())
        running, waiting = [], []
        for number, (kind, job) in enumerate(zip(self.kinds, self.jobs)):
            seconds = whole.get(kind, others)
            if job is None:
                waiting.append(seconds)
            elif job.end is None:
                if number in seen:
                    left = job.training * (1 - job.last.share) + after[number] - (now - job.last.at)
                else:
                    left = seconds - (now - job.start)
                running.append(max(left, 0.0))
        slots = running + [0.0] * (self.at_once - len(running))
        heapq.heapify(slots)
        for seconds in waiting:
            heapq.heapreplace(slots, slots[0] + seconds)
        return max(slots)
