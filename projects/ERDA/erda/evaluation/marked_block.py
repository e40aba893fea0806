"""Parts of a Markdown file that commands write."""
import os
from pathlib import Path


class MarkerError(ValueError):
    """A file without the place to write to; the message is for a person."""


def replace_block(path: Path, name: str, text: str) -> None:
    """Put a text between ``<!-- NAME -->`` and ``<!-- /NAME -->``, each in a line of its own.

    Args:
        path: Markdown file, replaced as a whole or not at all.
        name: of the block.
        text: Markdown.

    Raises:
        MarkerError: if the file cannot be read, or the markers are not there exactly once and in this order.
    """
    begin, end = f'<!-- {name} -->', f'<!-- /{name} -->'
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise MarkerError(f'Cannot read {path}: {error.strerror}.') from error
    if lines.count(begin) != 1 or lines.count(end) != 1 or lines.index(begin) > lines.index(end):
        raise MarkerError(f'{path} must have the lines {begin} and {end} once each, in this order: '
                          'the table goes between them.')
    lines[lines.index(begin) + 1:lines.index(end)] = text.strip('\n').splitlines()
    part = path.with_name(path.name + '.part')
    part.write_text('\n'.join(lines) + '\n')
    os.replace(part, path)
