import pytest

from erda.evaluation.marked_block import MarkerError, replace_block

TEXT = '# Title\n<!-- a -->\nold\nlines\n<!-- /a -->\n<!-- b -->\nkeep\n<!-- /b -->\nend\n'


def test_only_the_block_is_replaced(tmp_path):
    path = tmp_path / 'README.md'
    path.write_text(TEXT)
    for _ in range(2):
        replace_block(path, 'a', '\n| new |\n')
        assert path.read_text() == TEXT.replace('old\nlines', '| new |')
    replace_block(path, 'a', 'old\nlines')
    assert path.read_text() == TEXT and [file.name for file in tmp_path.iterdir()] == ['README.md']


@pytest.mark.parametrize('text', ['', '<!-- a -->\n', '<!-- /a -->\n<!-- a -->\n', TEXT + TEXT])
def test_markers_that_are_not_there_once(tmp_path, text):
    path = tmp_path / 'README.md'
    path.write_text(text)
    with pytest.raises(MarkerError, match='README.md must have the lines <!-- a --> and <!-- /a --> once each'):
        replace_block(path, 'a', 'new')
    assert path.read_text() == text


def test_missing_file(tmp_path):
    with pytest.raises(MarkerError, match='Cannot read .*nowhere.md: No such file'):
        replace_block(tmp_path / 'nowhere.md', 'a', 'new')
