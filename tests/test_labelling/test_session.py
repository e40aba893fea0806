"""What the page does to a folder, without the page."""
import laspy
import numpy as np
import pytest

from erda.clouds.click_files import VOID, ClickClasses, read_clicks
from erda.files.data_error import DataError
from erda.inference.suggestion import suggest_points
from erda.labelling import session as session_module
from erda.labelling.click_table import CANNOT_TELL
from erda.labelling.live_propagation import LivePropagation
from erda.labelling.picking import Camera
from erda.labelling.session import Session
from erda.labelling.shown_cloud import read_shown
from erda.labelling.suggestions import candidates_of, suggest_next
from erda.labelling.undescribed_folder import describe_folder
from erda.weak_labels.point_suggestion import join

ORIGIN = [652000, 6862000, 30]
DOWN = np.array([0, 0, -1.])


@pytest.fixture
def folder(tmp_path):
    """Land and a roof above it, with one click of an earlier round."""
    rng = np.random.default_rng(0)
    land, roof = rng.uniform([0, 0, 0], [20, 20, 0.05], (3000, 3)), rng.uniform([6, 6, 5], [14, 14, 5.05], (1000, 3))
    np.save(tmp_path / 'a.npy', np.concatenate([land, roof]) + ORIGIN)
    (tmp_path / 'erda.yaml').write_text('{classes: {ground: [], roof: []}, clicks: clicks, splits: {train: a.npy}}')
    (tmp_path / 'clicks').mkdir()
    (tmp_path / 'clicks/round_1.csv').write_text('file,index,class\na.npy,0,roof\n')
    return tmp_path


@pytest.fixture
def session(folder):
    session = Session(folder)
    session.open('a.npy')
    session.candidates = candidates_of(session.shown)
    return session


def spoken(session):
    return dict(zip(session.labels.index.tolist(), session.labels.label.tolist()))


def test_the_queue_is_that_of_suggest_points(session, folder):
    """Points of suggest_points, and after each batch those that keep away from all that was said."""
    clicks = read_clicks([folder / 'clicks/round_1.csv'], ClickClasses(['ground', 'roof']), session.files).clicks
    expected = suggest_points(session.files, 20, clicks)
    seen = []
    for _ in range(20):
        point = session.move(1)
        seen.append(point.index)
        np.testing.assert_array_equal(point.xyz, np.load(folder / 'a.npy')[point.index])
        session.change({point.index: CANNOT_TELL})
    assert set(seen) == set(expected.index.tolist())
    assert session.move(1).index not in seen and session.move(-1).index == seen[-1]
    for _ in range(30):
        first = session.move(-1)
    assert first.index == seen[0]


def test_doubt_is_asked_about_once_there_are_labels(session, monkeypatch):
    monkeypatch.setattr(session_module, 'BY_PLACE', 2)
    result = LivePropagation(session.shown).propagate(np.array([0, 3500]), np.array([0, 1]))
    confidence = np.ones(4000, dtype=np.float32)
    doubtful = np.arange(1500)
    confidence[doubtful] = 0
    session.result = result._replace(confidence=confidence)
    assert not set(doubtful) >= {session.move(1).index for _ in range(20)}
    session.change({3500: 'roof', 1: 'ground'})
    few = join([(session.candidates.xyz, session.candidates.index)])
    doubt = 1 - confidence[few.index]
    share = np.isin([point.index for point in suggest_next(few, session.labels.answered, doubt, 10)], doubtful).mean()
    asked = {session.move(1).index for _ in range(20)}
    assert share == 1 and len(asked & set(doubtful.tolist())) >= 15


def test_answers_change_labels_and_can_be_taken_back(session):
    assert spoken(session) == {0: 1} and session.counts.tolist() == [0, 1]
    first = session.move(1).index
    session.answer('ground')
    second = session.queue.current.index
    session.answer(VOID)
    session.answer(CANNOT_TELL)
    assert spoken(session) == {0: 1, first: 0, second: 2} and len(session.labels.answered) == 4
    assert session.counts.tolist() == [1, 1] and session.labelled_rows()[0].tolist() == sorted([0, first])
    session.change({0: 'ground'})  # replaces the earlier round
    assert spoken(session)[0] == 0
    session.undo()
    assert spoken(session)[0] == 1
    session.undo()
    session.undo()
    assert spoken(session) == {0: 1, first: 0} and session.queue.current.index == second
    session.redo()
    assert session.current_text() == VOID
    session.remove(second)
    assert second not in spoken(session) and session.current_text() is None
    with pytest.raises(DataError, match='from another table'):
        session.remove(0)
    session.undo()
    session.undo()
    session.undo()
    with pytest.raises(DataError, match='Nothing can be undone'):
        session.undo()


def test_free_clicks_and_rectangles(session):
    above = np.array([10, 10, 30.]) + ORIGIN - session.shown.origin
    session.label_ray(above, DOWN, 'roof')
    hit, = set(spoken(session)) - {0}
    assert hit >= 3000 and spoken(session)[hit] == 1  # the roof, not the land below
    session.label_ray(above, DOWN, 'ground')
    assert spoken(session)[hit] == 0
    session.remove_at_ray(above, DOWN)
    assert hit not in spoken(session)
    with pytest.raises(DataError, match='No labelled point'):
        session.remove_at_ray(above, DOWN)
    with pytest.raises(DataError, match='No point is there'):
        session.label_ray(above, -DOWN, 'roof')
    camera = Camera(above, np.array([[1., 0, 0], [0, -1, 0], [0, 0, -1]]), 0.1, 1.)
    count = session.label_rectangle(camera, (0.1, 0.1), (0.9, 0.9), 'roof')
    assert count > 20 and all(index >= 3000 for index in set(spoken(session)) - {0})
    with pytest.raises(DataError, match='Draw a smaller one'):
        session.label_rectangle(camera._replace(fov=1.5), (0, 0), (1, 1), 'roof')
    session.undo()
    assert spoken(session) == {0: 1}


def test_tables_that_change_meanwhile(session, folder):
    assert not session.tables_have_changed()
    session.move(1)
    session.answer('ground')
    assert not session.tables_have_changed()
    other = folder / 'clicks/round_2.csv'
    other.write_text('file,x,y,z,class\na.npy,652010,6862010,35,roof\na.npy,1,2,3,roof\n')
    assert session.tables_have_changed()
    session.reload()
    assert not session.tables_have_changed() and len(spoken(session)) == 3
    assert 'hits no point' in session.labels.complaints[0]
    before = session.table.path.read_bytes()
    other.write_text('file,index,class\na.npy,5,rooof\n')
    with pytest.raises(DataError, match="round_2.csv, line 2: unknown class 'rooof'"):
        session.answer('ground')
    assert session.table.path.read_bytes() == before and len(spoken(session)) == 3


def test_another_session_sees_the_same(session, folder):
    session.move(1)
    session.answer('roof')
    again = Session(folder)
    again.open('a.npy')
    assert spoken(again) == spoken(session)


def test_large_files_are_thinned_out_but_keep_their_clicks(folder):
    session = Session(folder, max_points=500)
    session.open('a.npy')
    shown = session.shown
    assert 400 < len(shown.index) < 600 and shown.total == 4000 and 0 in shown.index and spoken(session) == {0: 1}
    np.testing.assert_array_equal(shown.cloud.xyz, np.load(folder / 'a.npy')[shown.index])
    np.testing.assert_allclose(shown.xyz + shown.origin, shown.cloud.xyz, atol=1e-3)
    assert shown.rows_of(np.array([shown.index[7], 4001])).tolist() == [7, -1]
    np.testing.assert_array_equal(read_shown(shown.path, 500).index, read_shown(shown.path, 500).index)


def test_a_folder_that_is_not_described_yet(tmp_path):
    las = laspy.create(point_format=6, file_version='1.4')
    las.xyz = np.random.default_rng(0).uniform(0, 9, (500, 3))
    las.write(tmp_path / 'a.laz')
    with pytest.raises(DataError, match='prepare_data.py folder'):
        describe_folder(tmp_path, lambda question: ' ')
    said = describe_folder(tmp_path, lambda question: 'ground, roof')
    assert f'Written: {tmp_path}/erda.yaml' in said
    assert Session(tmp_path).classes == ['ground', 'roof']
