"""Ways to colour the open file, each with its legend."""
from typing import List, NamedTuple, Optional, Tuple

import numpy as np

from ..clouds.features import RGB, find_field
from .colouring import class_colours, scale_colours
from .legend import class_legend, scale_legend
from .session import Session
from .shown_cloud import ShownCloud

HEIGHT, COLOURS, LABEL, PROPAGATED, CONFIDENCE, PREDICTION, ENTROPY = (
    'height', 'rgb', 'label', 'propagated', 'confidence', 'prediction', 'entropy')
BY_CLASS = (LABEL, PROPAGATED, PREDICTION)
UNITS = {HEIGHT: 'm', ENTROPY: 'nats'}


class View(NamedTuple):
    """Colours ``[N, 3]`` uint8 of the shown points, and HTML that says what they mean."""
    colours: np.ndarray
    legend: str


def view_names(session: Session, shown: ShownCloud) -> List[str]:
    """What the open file can be coloured by; fields that are the same everywhere are left out."""
    names = [HEIGHT, *([COLOURS] if shown.rgb() is not None else []), LABEL, PROPAGATED, CONFIDENCE]
    names += [PREDICTION, ENTROPY] if session.predictions is not None else []
    colours = [find_field(shown.cloud.fields, name) for name in RGB]
    return [*names, *(name for name, values in shown.cloud.fields.items()
                      if name not in colours and name not in names and np.ptp(values) > 0)]


def first_view(shown: ShownCloud) -> str:
    """How a file is coloured when it is opened."""
    return HEIGHT if shown.rgb() is None else COLOURS


def view(session: Session, shown: ShownCloud, name: str) -> View:
    """The open file in one of :func:`view_names`; grey where nothing is known yet."""
    if name == COLOURS and (rgb := shown.rgb()) is not None:
        return View(rgb, '')
    if name in BY_CLASS:
        labels, palette = _labels(session, shown, name), session.description.colours
        return View(class_colours(labels, palette), class_legend(labels, session.classes, palette))
    values, low, high = _values(session, shown, name)
    return View(scale_colours(values, low, high), scale_legend(values, low, high, UNITS.get(name, '')))


def _labels(session: Session, shown: ShownCloud, name: str) -> np.ndarray:
    if name == PREDICTION and session.predictions is not None:
        return session.predictions.label
    if name == PROPAGATED and session.result is not None:
        return session.result.label
    labels = np.full(len(shown.index), -1)
    if name == LABEL and session.labels is not None:
        rows = shown.rows_of(session.labels.index)
        labels[rows[rows >= 0]] = session.labels.label[rows >= 0]
    return labels


def _values(session: Session, shown: ShownCloud, name: str) -> Tuple[np.ndarray, Optional[float], Optional[float]]:
    """Numbers, and the ends of their scale if these are fixed."""
    if name == CONFIDENCE:
        return np.zeros(len(shown.index)) if session.result is None else session.result.confidence, 0, 1
    if name == ENTROPY and session.predictions is not None:
        return session.predictions.entropy, 0, float(np.log(len(session.classes)))
    if name in shown.cloud.fields:
        return shown.cloud.fields[name].astype(np.float64), None, None
    return shown.cloud.xyz[:, 2], None, None
