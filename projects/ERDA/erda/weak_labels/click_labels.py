"""Clicks of a person on points become weak labels: places or point numbers with a class."""
import math
from collections import Counter
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from rich.table import Table
from scipy.spatial import cKDTree

from ..files.data_error import DataError
from .budgets import UNLABELED


class ClickError(DataError):
    """A file of clicks that cannot be used; the message names the file and the line."""


class Click(NamedTuple):
    """One labelled place.

    Attributes:
        label: class, 0 to K-1.
        xyz: the place in the file's own coordinates, metres; ``None`` if only the point's number is known.
        index: number of the point in the file; ``None`` if only the place is known.
        round: clicks of a later round win where they contradict those of an earlier one.
        where: table and line that it comes from, for messages.
    """
    label: int
    xyz: Optional[Tuple[float, float, float]]
    index: Optional[int]  # type: ignore[assignment]  # hides tuple.index
    round: int = 0
    where: str = ''


class ResolvedClicks(NamedTuple):
    """What the clicks of one file say about its N points.

    Attributes:
        labels: ``[N]`` int64, :data:`erda.weak_labels.UNLABELED` where nobody clicked or where clicks disagree.
        clicks: the clicks, as given; the positions below are in this list.
        points: ``[len(clicks)]`` int64, the point that each click hit, -1 if none.
        missed: clicks without a point within the radius, or with a number that the file does not have.
        disagreeing: pairs of clicks of one round on one place with different classes: neither counts.
        replaced: pairs of clicks on one place with different classes, the earlier and the later that replaces it.
    """
    labels: np.ndarray
    clicks: List[Click]
    points: np.ndarray
    missed: List[int]
    disagreeing: List[Tuple[int, int]]
    replaced: List[Tuple[int, int]]


def resolve_clicks(clicks: Sequence[Click], xyz: np.ndarray, radius: float) -> ResolvedClicks:
    """Weak labels of one file from its clicks.

    A click takes the point of its number, if it has one and that point is within the radius of its place; otherwise the
    point nearest to its place. Two clicks of different classes disagree on one point, and, if both were places, also
    on two points within the radius of each other: nobody aims better than that. Then the one of the later round
    counts, or neither if they are of one round.

    Args:
        clicks: clicks of this file.
        xyz: ``[N, 3]`` float64, metres, in the coordinates of the clicks.
        radius: how far a click may be from its point, metres.

    Raises:
        ValueError: if the radius is not positive.
    """
    if not radius > 0:
        raise ValueError(f'resolve_clicks: radius={radius} must be positive')
    points, by_place = np.full(len(clicks), -1, dtype=np.int64), np.zeros(len(clicks), dtype=bool)
    for i, click in enumerate(clicks):
        if click.index is not None and 0 <= click.index < len(xyz) and (
                click.xyz is None or math.dist(xyz[click.index], click.xyz) <= radius):
            points[i] = click.index
        else:
            by_place[i] = click.xyz is not None
    if by_place.any() and len(xyz):
        places = np.array([click.xyz for click, place in zip(clicks, by_place) if place])
        # Only points near a click go into the tree: it would take minutes over a whole survey.
        near = np.flatnonzero(((xyz >= places.min(0) - radius) & (xyz <= places.max(0) + radius)).all(1))
        if len(near):
            distance, nearest = cKDTree(xyz[near]).query(places)
            points[by_place] = np.where(distance <= radius, near[nearest], -1)

    pairs = _disagreeing_pairs(clicks, points, by_place, xyz, radius)
    # The earlier click of a pair comes first.
    replaced = [(i, j) if clicks[i].round < clicks[j].round else (j, i) for i, j in pairs
                if clicks[i].round != clicks[j].round]
    disagreeing = [(i, j) for i, j in pairs if clicks[i].round == clicks[j].round]
    used = points >= 0
    used[[earlier for earlier, _ in replaced]] = False
    labels = np.full(len(xyz), UNLABELED, dtype=np.int64)
    labels[points[used]] = np.array([click.label for click in clicks], dtype=np.int64)[used]
    labels[[points[i] for pair in disagreeing for i in pair]] = UNLABELED
    return ResolvedClicks(labels, list(clicks), points, np.flatnonzero(points < 0).tolist(), disagreeing, replaced)


def click_table(resolved: Mapping[str, ResolvedClicks], classes: Sequence[str],
                skipped: Optional[Mapping[str, int]] = None) -> Table:
    """Labelled points of each class and file, for a terminal.

    Args:
        resolved: what :func:`resolve_clicks` returned for each file.
        classes: K names; those that nobody clicked are named below the table.
        skipped: number of rows without a class for each file.
    """
    skipped = skipped or {}
    counts = {file: Counter(result.labels[result.labels >= 0].tolist()) for file, result in resolved.items()}
    used = sorted(set().union(*counts.values()))
    shown = [file for file, result in resolved.items() if len(result.points) or skipped.get(file)]
    notes = ['Missed, disagreeing and replaced clicks label nothing.']
    if missing := [name for label, name in enumerate(classes) if label not in used]:
        notes.append(f'Classes without a click: {", ".join(missing)}.')
    if len(shown) < len(resolved):
        notes.append(f'Files without a click: {len(resolved) - len(shown)}.')
    table = Table(title='Labelled points', caption='\n'.join(notes), caption_justify='left')
    table.add_column('file', overflow='fold')
    columns = [*(classes[label] for label in used), 'missed', 'disagreeing', 'replaced', 'no class given']
    for name in columns:
        table.add_column(name, justify='right', overflow='fold')
    rows = [[*(counts[file][label] for label in used), len(resolved[file].missed), len(resolved[file].disagreeing),
             len(resolved[file].replaced), skipped.get(file, 0)] for file in shown]
    for file, numbers in zip(shown, rows):
        table.add_row(file, *map(str, numbers))
    if len(rows) > 1:
        table.add_section()
        table.add_row('all', *(str(sum(column)) for column in zip(*rows)))
    return table


def click_complaints(resolved: Mapping[str, ResolvedClicks], classes: Sequence[str]) -> List[str]:
    """One sentence for each click that hit nothing and for each pair that disagrees."""
    lines = []
    for file, result in resolved.items():
        said = [_describe(click, classes) for click in result.clicks]
        lines += [f'{file}: the click {said[i]} hits no point.' for i in result.missed]
        lines += [f'{file}: the clicks {said[i]} and {said[j]} disagree; neither is used.'
                  for i, j in result.disagreeing]
        lines += [f'{file}: the click {said[j]} replaces the earlier {said[i]}.' for i, j in result.replaced]
    return lines


def _disagreeing_pairs(clicks: Sequence[Click], points: np.ndarray, by_place: np.ndarray, xyz: np.ndarray,
                       radius: float) -> List[Tuple[int, int]]:
    hits = np.flatnonzero(points >= 0)
    if len(hits) < 2:
        return []
    pairs = cKDTree(xyz[points[hits]]).query_pairs(radius, output_type='ndarray')
    pairs = [(int(hits[i]), int(hits[j])) for i, j in pairs]
    return sorted((i, j) for i, j in pairs if clicks[i].label != clicks[j].label
                  and (points[i] == points[j] or by_place[i] and by_place[j]))


def _describe(click: Click, classes: Sequence[str]) -> str:
    places = [f'point {click.index}'] if click.index is not None else []
    if click.xyz is not None:
        places.append('({:.10g}, {:.10g}, {:.10g})'.format(*click.xyz))
    return f'{classes[click.label]!r} at {" or ".join(places)}' + (f' ({click.where})' if click.where else '')
