import multiprocessing

import numpy as np
import pytest

from erda.clouds.click_files import ClickClasses, find_click_files, read_clicks
from erda.labelling import click_table
from erda.labelling.click_table import CANNOT_TELL, Answer, ClickTable, History
from erda.weak_labels.click_labels import ClickError

AT = (1.5, 2.25, 3.0)
ROOF = Answer('roof', AT)
A, B = ('a.laz', 7), ('b.laz', 8)


def test_what_is_said_is_read_by_training(tmp_path):
    """As clicks, in the rounds; who cannot tell has no click, and void labels nothing."""
    table = ClickTable(tmp_path / 'clicks')
    assert table.read() == {}
    before = table.change({A: ROOF, B: Answer(CANNOT_TELL, AT), ('b.laz', 9): Answer('void', AT)})
    assert set(before.values()) == {None} and table.read()[A] == ROOF and len(table.read()) == 3
    (tmp_path / 'clicks/round_12.csv').write_text('file,index,class\na.laz,7,ground\n')
    files = find_click_files([tmp_path / 'clicks'])
    assert files[-1] == table.path  # what is said on the page replaces earlier rounds
    read = read_clicks(files, ClickClasses(['ground', 'roof']), {name: tmp_path / name for name in ('a.laz', 'b.laz')})
    assert [(click.label, click.xyz, click.index) for click in read.clicks['a.laz']] == [(0, None, 7), (1, AT, 7)]
    assert read.clicks['b.laz'] == [] and read.skipped['b.laz'] == 2


def test_changes_keep_the_order_and_return_what_was_there(tmp_path):
    table = ClickTable(tmp_path)
    tmp_path.joinpath('round_page.csv.99.part').write_text('of a kill')
    table.change({A: ROOF, B: ROOF})
    assert [path.name for path in tmp_path.iterdir()] == ['round_page.csv']
    assert table.change({A: Answer('tree', AT)}) == {A: ROOF}
    assert [line.split(',')[::5] for line in table.path.read_text().splitlines()[1:]] == [['a.laz', 'tree'],
                                                                                         ['b.laz', 'roof']]
    assert table.change({A: None}) == {A: Answer('tree', AT)} and list(table.read()) == [B]


def test_a_table_that_somebody_else_has_changed_is_not_overwritten(tmp_path):
    """Rows of other kinds stay; what cannot be kept in it, a comment say, is kept beside it."""
    table = ClickTable(tmp_path)
    by_hand = 'file;x;y;z;class;remark\na.laz;1,5;2;3;ground;by the fence\n'
    table.path.write_text(by_hand)
    table.change({A: ROOF})
    assert table.path.read_text().splitlines() == ['file,index,x,y,z,class', 'a.laz,,"1,5",2,3,ground',
                                                   'a.laz,7,1.500000,2.250000,3.000000,roof']
    assert table.path.with_name('round_page.csv.bak').read_text() == by_hand
    assert find_click_files([tmp_path]) == [table.path]
    clicks = read_clicks([table.path], ClickClasses(['ground', 'roof']), {'a.laz': tmp_path / 'a.laz'}).clicks['a.laz']
    assert [(click.xyz, click.index) for click in clicks] == [((1.5, 2, 3), None), (AT, 7)]
    table.path.with_name('round_page.csv.bak').unlink()
    table.change({B: ROOF})
    assert not table.path.with_name('round_page.csv.bak').exists()


def test_a_table_that_cannot_be_read_or_written_stays(tmp_path, monkeypatch):
    table = ClickTable(tmp_path)
    table.change({A: ROOF})
    written = table.path.read_bytes()

    def full(path, content):
        raise OSError(28, 'No space left on device', str(path))

    monkeypatch.setattr(click_table, 'write_whole', full)
    with pytest.raises(OSError, match='No space'):
        table.change({B: ROOF})
    monkeypatch.undo()
    assert table.path.read_bytes() == written
    table.path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ClickError, match='round_page.csv'):
        table.change({B: ROOF})
    assert table.path.read_bytes() == b'\xff\xfe\x00'


def _say_many(folder, name):
    for index in range(8):
        ClickTable(folder).change({(name, index): ROOF})


def test_two_commands_on_one_folder_lose_nothing(tmp_path):
    processes = [multiprocessing.get_context('fork').Process(target=_say_many, args=(tmp_path, name)) for name in 'ab']
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert set(ClickTable(tmp_path).read()) == {(name, index) for name in 'ab' for index in range(8)}


def test_undo_and_redo(tmp_path):
    table = ClickTable(tmp_path)
    history = History(table)
    states, rng = [table.read()], np.random.default_rng(0)
    for _ in range(8):
        key = ('a.laz', int(rng.integers(4)))
        history.change({key: None if rng.random() < 0.3 else Answer(str(rng.choice(['roof', 'tree', ''])), AT)})
        states.append(table.read())
    for state in states[-2::-1]:
        assert history.undo() is not None and table.read() == state
    assert history.undo() is None
    for state in states[1:]:
        assert history.redo() is not None and table.read() == state
    assert history.redo() is None


def test_undo_leaves_alone_what_somebody_else_has_changed(tmp_path):
    table = ClickTable(tmp_path)
    history = History(table)
    history.change({A: ROOF})
    ClickTable(tmp_path).change({A: Answer('tree', AT)})
    assert history.undo() is None and table.read()[A].text == 'tree'
    history.change({B: ROOF})
    assert history.redo() is None and history.undo() == {B: None} and list(table.read()) == [A]
