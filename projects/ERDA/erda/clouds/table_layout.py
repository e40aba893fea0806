"""How a text table is written: found from its first lines."""
import codecs
import itertools
import re
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from .cloud_format import AXES, PointCloudError, column_names

COMMENT = re.compile(r'\s*(//|#)\s*')  # CloudCompare begins the line of names with //
SAMPLE_LINES = 200
SAMPLE_BYTES = 1 << 22
# What separates columns (None: spaces), and what stands before the digits after the point; the likelier first.
DIALECTS = ((';', '.'), (';', ','), ('\t', '.'), ('\t', ','), (',', '.'), (None, '.'), (None, ','))
# Columns of a .pts file, which has no names. Source: Leica Cyclone's export, which other programs follow.
PTS_COLUMNS = {4: ['x', 'y', 'z', 'intensity'], 6: ['x', 'y', 'z', 'red', 'green', 'blue'],
               7: ['x', 'y', 'z', 'intensity', 'red', 'green', 'blue']}


class Table(NamedTuple):
    """Layout of a text table.

    Attributes:
        names: of its columns.
        separator: what separates them; ``None``: spaces.
        decimal: ``'.'`` or ``','``.
        first: number of lines before the first point.
        names_line: which of them has the names; ``None`` if none has.
        comment: how that line begins.
        claimed: number of points that a line before them says, as CloudCompare writes it and .pts files begin.
        encoding: of the text.
    """
    names: List[str]
    separator: Optional[str]
    decimal: str
    first: int
    names_line: Optional[int]
    comment: str
    claimed: Optional[int]
    encoding: str


def read_layout(path: Path) -> Table:
    """Layout of a table.

    Raises:
        PointCloudError: if it is no text, has no line of at least three numbers, or names that do not fit its columns.
    """
    encoding = _encoding(path)
    with path.open(encoding=encoding) as file:
        lines = list(itertools.islice(file, SAMPLE_LINES))
    if not any(line.strip() for line in lines):
        raise PointCloudError('it is empty. Copy or export it again')
    first = next((i for i, line in enumerate(lines) if _is_point(line)), None)
    if first is None:
        number = next(i for i, line in enumerate(lines) if line.strip())
        names = _words(lines[number], None)
        if _is_number(names[0], '.'):
            raise PointCloudError(f'its first line has {len(names)} columns. Give x, y, z and a line of names')
        return Table(names, _separator(lines[number]), '.', number + 1, number, '', None, encoding)
    points = [line for line in lines[first:] if line.strip()]
    separator, decimal = max(DIALECTS, key=lambda dialect: _numbers(points, *dialect))
    columns = len(split(points[0], separator))
    claimed = next((int(line) for line in lines[:first] if line.strip().isdecimal()), None)
    names_line = _names_line(lines[:first], separator, columns)
    if names_line is None:
        known = PTS_COLUMNS if path.suffix.lower() == '.pts' else {}
        return Table(known.get(columns, column_names(columns)), separator, decimal, first, None, '', claimed, encoding)
    names = [name or f'column_{i}' for i, name in enumerate(_words(lines[names_line], separator, columns), 1)]
    if len(set(names)) < len(names):
        raise PointCloudError('two of its columns have the same name. Rename one')
    comment = COMMENT.match(lines[names_line])
    return Table(names, separator, decimal, first, names_line, comment.group() if comment else '', claimed, encoding)


def split(line: str, separator: Optional[str]) -> List[str]:
    """The words of a line; a separator between quotes separates nothing.

    Examples:
        >>> split('1;2;"a;b"', ';'), split(' 1  2 ', None)
        (['1', '2', '"a;b"'], ['1', '2'])
    """
    line = line.strip() if separator is None else line.strip(' \r\n')
    if separator is not None and '"' in line:
        return re.split(f'{separator}(?=(?:[^"]*"[^"]*")*[^"]*$)', line)
    return line.split(separator)


def _encoding(path: Path) -> str:
    with path.open('rb') as file:
        start = file.read(SAMPLE_BYTES)
    if b'\0' in start:
        raise PointCloudError('it is no text, or text in UTF-16. Save it as UTF-8')
    try:
        codecs.getincrementaldecoder('utf-8')().decode(start)
    except UnicodeDecodeError:
        return 'latin-1'
    return 'utf-8-sig'


def _is_point(line: str) -> bool:
    """Whether a line is three numbers or more, among words or not."""
    return not COMMENT.match(line) and any(_numbers([line], *dialect) >= 3 for dialect in DIALECTS)


def _numbers(lines: Sequence[str], separator: Optional[str], decimal: str) -> int:
    """How many numbers the lines have with as many columns as the first."""
    rows = [split(line, separator) for line in lines]
    return sum(_is_number(word, decimal) for row in rows if len(row) == len(rows[0]) for word in row)


def _is_number(word: str, decimal: str) -> bool:
    word = word.strip(' "')
    if decimal == ',':
        word = word.replace('.', 'no').replace(',', '.')
    try:
        float(word)
    except ValueError:
        return False
    return True


def _separator(line: str) -> Optional[str]:
    return next((mark for mark in ';\t,' if mark in line), None)


def _words(line: str, separator: Optional[str], columns: int = 0) -> List[str]:
    """Names in a line, separated as the points are or in a way of their own."""
    comment = COMMENT.match(line)
    line = line[comment.end():] if comment else line
    words = split(line, separator)
    if len(words) != columns:
        words = split(line, _separator(line))
    return [word.strip().strip('"').strip() for word in words]


def _names_line(lines: Sequence[str], separator: Optional[str], columns: int) -> Optional[int]:
    """The last of the lines before the points that has a name for each column."""
    wrong = 0
    for number, line in reversed(list(enumerate(lines))):
        words = _words(line, separator, columns)
        comment, axes = COMMENT.match(line), set(AXES) <= {word.lower() for word in words}
        if not line.strip() or line.strip().isdecimal() or comment and not axes:
            continue
        if len(words) == columns:
            return number
        wrong = wrong or len(words)
    if wrong:
        raise PointCloudError(f'its line of names has {wrong} names, but its points have {columns} columns. Give each '
                              'column one name, without spaces in it where spaces separate the columns')
    return None
