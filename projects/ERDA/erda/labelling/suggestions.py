"""Which points to ask a person about next, and the way through them."""
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from ..weak_labels.point_suggestion import Candidates, candidate_points, join, suggest
from ..weak_labels.suggestion_files import in_order
from .shown_cloud import ShownCloud

VOXEL_SIZE = 0.2  # metres, as tools/suggest_points.py has it
AT_A_TIME = 20  # points; then what has been said since is asked what to look at next


class SuggestedPoint(NamedTuple):
    """A point of the file: its number, and its place in the coordinates of the file."""
    index: int  # type: ignore[assignment]  # hides tuple.index
    xyz: np.ndarray


def candidates_of(shown: ShownCloud) -> Candidates:
    """The shown points that may be suggested."""
    xyz, rows = candidate_points(lambda: [shown.cloud.xyz], VOXEL_SIZE)
    return join([(xyz, shown.index[rows])])


def suggest_next(candidates: Candidates, answered: np.ndarray, doubt: Optional[np.ndarray] = None,
                 budget: int = AT_A_TIME, seed: int = 0) -> List[SuggestedPoint]:
    """Points to ask about next, those near each other one after the other.

    Args:
        candidates: from :func:`candidates_of`.
        answered: ``[A, 3]`` places that a person has seen; none within a voxel of them is suggested.
        doubt: ``[M]`` how unsure the propagation or a network is of each candidate; without it the points are spread
            out, see :func:`erda.weak_labels.point_suggestion.suggest`.
        budget: how many.
        seed: decides between equally good points.
    """
    clicked = join([(answered, np.zeros(len(answered), dtype=np.int64))])
    points = in_order(candidates.take(suggest(candidates, clicked, budget, VOXEL_SIZE, doubt, seed=seed)))
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
