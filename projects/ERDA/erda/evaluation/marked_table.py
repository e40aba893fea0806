"""Tables in a Markdown file between marks, so that a command can renew them in place."""
import re
from pathlib import Path
from typing import Tuple

from ..files.whole_file import write_whole


class MarkError(ValueError):
    """A file without the one pair of marks that was asked for; the message is for a person."""


def marks_of(block: str) -> Tuple[str, str]:
    """The lines around a block.

    Examples:
        >>> marks_of('test: mini')
        ('<!-- test: mini -->', '<!-- /test -->')
    """
    return f'<!-- {block} -->', f'<!-- /{block.split(":")[0]} -->'


def find_marked(path: Path, block: str) -> Tuple[str, str, str]:
    """Text before the content of a block with its first mark, the content, and what follows it with its last mark.

    Marks stand alone on their lines.

    Args:
        path: a Markdown file.
        block: its name, ``'KIND: NAME'`` or ``'KIND'``.

    Raises:
        MarkError: if the file cannot be read, or has not exactly one first mark with its last mark behind it.
    """
    first, last = marks_of(block)
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise MarkError(f'{path} cannot be read: {error}.') from error
    begins = _lines_with(first, text)
    if not begins:
        raise MarkError(f'{path} has no line {first}. Put that line and {last} where the table shall stand.')
    if len(begins) > 1:
        raise MarkError(f'{path} has the line {first} {len(begins)} times. Each table needs a name of its own.')
    begin = begins[0].end()
    end = next((match.start() for match in _lines_with(last, text) if match.start() >= begin), None)
    kind = block.split(':')[0]
    other = re.search(rf'^<!-- {re.escape(kind)}(: .*)? -->[ \t]*\r?$', text[begin:end], re.MULTILINE)
    if end is None or other:
        raise MarkError(f'{path} has {first} without {last} behind it. Put that line where the table shall end.')
    return text[:begin], text[begin:end], text[end:]


def update_marked(path: Path, block: str, markdown: str) -> None:
    """Put ``markdown`` in place of what stands between the marks of a block; the rest stays as it is, byte by byte.

    Raises:
        MarkError: see :func:`find_marked`. Nothing is written then.
    """
    before, _, after = find_marked(path, block)
    path = path.resolve()  # or a file would be put in the place of a link
    write_whole(path, f'{before}\n{markdown.strip()}\n\n{after}'.encode())


def _lines_with(mark: str, text: str) -> list:
    return list(re.finditer(rf'^{re.escape(mark)}[ \t]*(?:\r?\n|$)', text, re.MULTILINE))
