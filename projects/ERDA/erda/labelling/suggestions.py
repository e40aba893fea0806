"""Which points to ask a person about next, and the way through them."""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from ..inference.suggestion import MAX_CANDIDATES, MIN_CANDIDATES
from ..weak_labels.point_suggestion import (
    Candidates,
    isolated,
    join,
    near_clicks,
    nearest_candidates,
    neighbour_distances,
    subsample_file,
    suggest_by_features,
    suggest_by_place,
)
from ..weak_labels.suggestion_files import in_order

VOXEL_SIZE = 0.2  # metres, as tools/suggest_points.py has it
AT_A_TIME = 20  # points; then what has been said since is asked what to look at next


class SuggestedPoint(NamedTuple):
    """A point of the file: its number, and its place in the coordinates of the file."""
    index: int  # type: ignore[assignment]  # hides tuple.index
    xyz: np.ndarray


def candidate_points(xyz: np.ndarray, index: np.ndarray) -> Candidates:
    """The points among ``[N, 3]``, with numbers ``[N]``, that may be suggested: one of each voxel, none that floats."""
    places, rows = subsample_file([xyz], VOXEL_SIZE, MAX_CANDIDATES)
    if len(rows) > MIN_CANDIDATES:
        usual = ~isolated(neighbour_distances(places, [xyz]))
        places, rows = places[usual], rows[usual]
    return join([(places, index[rows])])


def suggest_next(candidates: Candidates, answered: np.ndarray, doubt: Optional[np.ndarray] = None,
                 budget: int = AT_A_TIME, seed: int = 0) -> List[SuggestedPoint]:
    """Points to ask about next, those near each other one after the other.

    Without a doubt they are those of :func:`suggest_by_place`, with it those of :func:`suggest_by_features`, where
    places alone keep them apart.

    Args:
        candidates: from :func:`candidate_points`.
        answered: ``[A, 3]`` places that a person has seen; none within a voxel of them is suggested.
        doubt: ``[M]`` how unsure the propagation or a network is of each candidate.
        budget: how many.
        seed: decides between equally good points.
    """
    clicked = join([(answered, np.zeros(len(answered), dtype=np.int64))])
    near = near_clicks(candidates, clicked, VOXEL_SIZE)
    if doubt is None:
        free = np.flatnonzero(~near)
        chosen = free[suggest_by_place(candidates.take(free), clicked, budget, seed)]
    else:
        # Features of length zero are equally far from each other.
        chosen = suggest_by_features(candidates, np.zeros((len(near), 1), np.float32), doubt, budget,
                                     np.union1d(np.flatnonzero(near), nearest_candidates(candidates, clicked)), seed)
    points = in_order(candidates.take(chosen))
    return [SuggestedPoint(int(index), xyz) for index, xyz in zip(points.index, points.xyz)]


class Queue:
    """Suggested points, the one that is looked at, and the way back.

    Attributes:
        points: in their order.
        place: position of the one that is looked at, -1 before the first.
    """

    def __init__(self, points: Sequence[SuggestedPoint] = ()) -> None:
        self.points = list(points)
        self.place = -1

    @property
    def current(self) -> Optional[SuggestedPoint]:
        """The point that is looked at."""
        return self.points[self.place] if 0 <= self.place < len(self.points) else None

    @property
    def is_at_end(self) -> bool:
        """Whether nothing comes behind the current point."""
        return self.place >= len(self.points) - 1

    def extend(self, points: Sequence[SuggestedPoint]) -> None:
        """Put points behind those that are there."""
        self.points += points

    def move(self, steps: int) -> Optional[SuggestedPoint]:
        """Go on or back, not beyond the ends; the point that is looked at then."""
        self.place = min(max(self.place + steps, 0), len(self.points) - 1)
        return self.current

    def go_to(self, index: int) -> bool:
        """Look at the point with this number, if it was suggested."""
        for place, point in enumerate(self.points):
            if point.index == index:
                self.place = place
                return True
        return False
