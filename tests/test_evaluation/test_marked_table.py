import os

import pytest

from erda.evaluation.marked_table import MarkError, find_marked, update_marked

PAGE = ('# Title\n\n<!-- test: mini -->\nold\n<!-- /test -->\n\n<!-- test: rooms -->\nkeep\n<!-- /test -->\n'
        'the line `<!-- test: mini -->` in a sentence\n')


def test_replaces_one_block_and_nothing_else(tmp_path):
    path = tmp_path / 'page.md'
    path.write_text(PAGE)
    path.chmod(0o640)
    for table in ('| a |\n', '| a |\n| b |\n'):  # a second time, too
        update_marked(path, 'test: mini', table)
        assert path.read_text() == PAGE.replace('old\n', f'\n{table}\n')
    assert path.stat().st_mode & 0o777 == 0o640 and os.listdir(tmp_path) == ['page.md']


def test_line_ends_of_the_file_and_links_stay(tmp_path):
    path, link = tmp_path / 'page.md', tmp_path / 'link.md'
    path.write_bytes(b'a\r\n<!-- benchmark -->\r\n<!-- /benchmark -->\r\nb\r\n')
    link.symlink_to(path)
    update_marked(link, 'benchmark', 'x')
    assert path.read_bytes() == b'a\r\n<!-- benchmark -->\r\n\nx\n\n<!-- /benchmark -->\r\nb\r\n' and link.is_symlink()


@pytest.mark.parametrize('text, message', [
    ('nothing', 'has no line <!-- test: mini -->'),
    (PAGE + '<!-- test: mini -->\n<!-- /test -->\n', 'has the line <!-- test: mini --> 2 times'),
    ('<!-- /test -->\n<!-- test: mini -->\n', 'without <!-- /test --> behind it'),
    ('<!-- test: mini -->\n<!-- test: rooms -->\n<!-- /test -->\n', 'without <!-- /test --> behind it'),
    (None, 'cannot be read'),
])
def test_errors_change_nothing(text, message, tmp_path):
    path = tmp_path / 'page.md'
    if text is not None:
        path.write_text(text)
    with pytest.raises(MarkError, match=message):
        update_marked(path, 'test: mini', 'new')
    assert text is None or path.read_text() == text


def test_find_marked_gives_all_of_the_text(tmp_path):
    path = tmp_path / 'page.md'
    path.write_text(PAGE)
    before, content, after = find_marked(path, 'test: mini')
    assert content == 'old\n' and before + content + after == PAGE
