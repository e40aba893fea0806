import numpy as np
import pytest

from erda.inference.candidate_features import PointPredictions
from erda.labelling.colouring import NO_LABEL, VOID_COLOUR
from erda.labelling.live_propagation import LivePropagation
from erda.labelling.session import Session
from erda.labelling.views import first_view, view, view_names


@pytest.fixture
def session(tmp_path):
    cloud = np.zeros(60, dtype=[(name, float) for name in ('x', 'y', 'z', 'intensity', 'same', 'red', 'green', 'blue')])
    for name in ('x', 'y', 'z', 'intensity'):
        cloud[name] = np.random.default_rng(0).uniform(0, 5, 60)
    cloud['same'], cloud['red'] = 7, np.arange(60) / 59
    np.save(tmp_path / 'a.npy', cloud)
    (tmp_path / 'erda.yaml').write_text('{classes: {ground: [], roof: []}, clicks: clicks, splits: {train: a.npy}}')
    session = Session(tmp_path)
    session.open('a.npy')
    return session


def test_every_view(session):
    shown, palette = session.shown, session.description.colours
    session.change({3: 'roof', 4: 'void', 9: 'ground'})
    names = view_names(session, shown)
    assert names == ['height', 'rgb', 'label', 'propagated', 'confidence', 'intensity'] and first_view(shown) == 'rgb'
    for name in names:
        colours, _ = view(session, shown, name)
        assert colours.shape == (60, 3) and colours.dtype == np.uint8, name
    assert view(session, shown, 'rgb').colours[59].tolist() == [255, 0, 0]
    labels = view(session, shown, 'label')
    assert [tuple(labels.colours[row]) for row in (3, 4, 9, 10)] == [
        tuple(palette[1]), VOID_COLOUR, tuple(palette[0]), NO_LABEL]
    assert (view(session, shown, 'propagated').colours == NO_LABEL).all()

    session.result = LivePropagation(shown).propagate(*session.labelled_rows())
    propagated = view(session, shown, 'propagated').colours
    assert tuple(propagated[3]) == tuple(palette[1]) and not (propagated == NO_LABEL).all()
    share = np.linspace(0.5, 0.9, 60)
    share = np.where(np.arange(60) % 2, share, 1 - share)
    session.predictions = PointPredictions(np.stack([1 - share, share], axis=1).astype(np.float32))
    assert view_names(session, shown)[5:7] == ['prediction', 'entropy']
    assert tuple(view(session, shown, 'prediction').colours[1]) == tuple(palette[1])
    assert '0.693147' in view(session, shown, 'entropy').legend
    height = view(session, shown, 'height')
    assert height.colours[shown.cloud.xyz[:, 2].argmax(), 0] > height.colours[shown.cloud.xyz[:, 2].argmin(), 0]
