from pathlib import Path

import pytest

from erda.inference.errors import InferenceError
from erda.inference.file_pairs import file_pairs


@pytest.fixture
def clouds(tmp_path):
    for name in ('in/a.las', 'in/deep/b.PLY', 'in/notes.md', 'other/a.las'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    return tmp_path


def test_folders_keep_their_shape(clouds):
    pairs = file_pairs([clouds / 'in'], clouds / 'out')
    assert [(str(pair.source.relative_to(clouds)), str(pair.target.relative_to(clouds))) for pair in pairs] == [
        ('in/a.las', 'out/a.las'), ('in/deep/b.PLY', 'out/deep/b.PLY')]
    assert len(file_pairs([clouds / 'in/a.las', clouds / 'in/a.las', clouds / 'missing.las'], clouds / 'out')) == 2


def test_copc_is_written_as_plain_laz(clouds):
    (clouds / 'in/deep/C.COPC.LAZ').write_bytes(b'')
    pairs = file_pairs([clouds / 'in', clouds / 'b.copc.laz'], clouds / 'out')
    assert [str(pair.target.relative_to(clouds)) for pair in pairs] == [
        'out/a.las', 'out/deep/C.laz', 'out/deep/b.PLY', 'out/b.laz']
    with pytest.raises(InferenceError, match='a.copc.laz and a.laz would both be written to .*a.laz'):
        file_pairs([Path('a.copc.laz'), Path('a.laz')], clouds / 'out')


def test_what_is_no_input(clouds):
    (clouds / 'in/erda.yaml').write_text('{classes: {p: [0], q: [1]}, clicks: clicks.csv}')
    for name in ('clicks.csv', 'round_1.csv', 'a.las.suggested.ply', 'b.part.las', '.hidden/c.las'):
        (clouds / 'in' / name).parent.mkdir(exist_ok=True)
        (clouds / 'in' / name).write_bytes(b'')
    assert len(file_pairs([clouds / 'in'], clouds / 'out')) == 2


def test_results_inside_the_input_folder_are_no_inputs(clouds):
    for pair in file_pairs([clouds / 'in'], clouds / 'in/labelled'):
        pair.target.parent.mkdir(parents=True, exist_ok=True)
        pair.target.write_bytes(b'')
    assert len(file_pairs([clouds / 'in'], clouds / 'in/labelled')) == 2


@pytest.mark.parametrize('inputs, out, message', [
    (['in'], 'in', 'overwritten by its own result'),
    (['in/a.las'], 'in', 'overwritten by its own result'),
    (['in/a.las', 'other/a.las'], 'out', 'would both be written'),
    (['in/notes.md', 'empty'], 'out', 'no file of a known format'),
])
def test_refused(clouds, inputs, out, message):
    (clouds / 'empty').mkdir()
    with pytest.raises(InferenceError, match=message):
        file_pairs([clouds / name for name in inputs], clouds / out)


def test_a_link_to_the_input_is_the_input(clouds):
    (clouds / 'out').mkdir()
    (clouds / 'out/a.las').hardlink_to(clouds / 'in/a.las')
    with pytest.raises(InferenceError, match='its own result'):
        file_pairs([clouds / 'in/a.las'], clouds / 'out')
