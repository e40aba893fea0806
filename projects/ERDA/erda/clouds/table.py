"""Text tables of points: CSV and TXT, with or without a line of names."""
import itertools
import re
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, TextIO

import numpy as np
import pandas as pd

from .cloud_format import (
    PointCloud,
    PointCloudError,
    PointCloudFormat,
    chunk_bounds,
    column_names,
    from_columns,
    next_fields,
)

COMMENT = re.compile(r'^\s*(//|#)\s*')  # CloudCompare begins the line of names with //


class Table(NamedTuple):
    """Layout of a text table: its names, what separates them (``None``: spaces) and whether a line gives them."""
    names: List[str]
    separator: Optional[str]
    has_names: bool


def read_layout(path: Path) -> Table:
    """Layout of a table from its first line that is not blank."""
    with path.open(encoding='utf-8-sig') as file:
        first = next((line for line in file if line.strip()), '')
    if not first:
        raise PointCloudError('it is empty. Copy or export it again')
    words = COMMENT.sub('', first).strip()
    separator = next((mark for mark in ',;\t' if mark in words), None)
    names = [word.strip().strip('"') for word in words.split(separator)]
    if _is_number(names[0]):
        if len(names) < 3:
            raise PointCloudError(f'its first line has {len(names)} columns. Give x, y, z and a line of names')
        return Table(column_names(len(names)), separator, has_names=False)
    if len(set(names)) < len(names):
        raise PointCloudError('two of its columns have the same name. Rename one')
    return Table(names, separator, has_names=True)


class TableFormat(PointCloudFormat):
    """Fields are the columns; without names they are x, y, z, column_4, column_5, ... A copy always has names."""

    def count_points(self, path: Path) -> int:
        with path.open('rb') as file:
            return sum(1 for line in file if line.strip()) - read_layout(path).has_names

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        layout = read_layout(path)
        try:
            table = pd.read_csv(path, sep=layout.separator or r'\s+', names=layout.names, index_col=False,
                                skiprows=_first_row(path, layout), encoding='utf-8-sig', float_precision='round_trip')
        except pd.errors.ParserError as error:
            raise PointCloudError(f'{error}. Give every line the same number of columns') from error
        for name in layout.names:
            if table[name].dtype.kind not in 'iufb':
                raise PointCloudError(f'its column {name!r} is not all numbers. Remove the column or the lines')
        for chunk in chunk_bounds(len(table), chunk_points):
            yield from_columns(layout.names, (table[name].to_numpy()[chunk] for name in layout.names))

    def field_names(self, path: Path) -> List[str]:
        return read_layout(path).names

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        layout, names = read_layout(source), None
        separator = layout.separator or ' '
        with source.open(encoding='utf-8-sig') as old, part.open('w', encoding='utf-8') as new:
            rows = _rows(old, layout)
            while lines := list(itertools.islice(rows, chunk_points)):
                fields = next_fields(new_fields, len(lines))
                if names is None:
                    names = list(dict.fromkeys([*layout.names, *fields]))
                    new.write(separator.join(names) + '\n')
                new.writelines(extended_lines(lines, layout.names, names, fields, layout.separator))
        return []


def extended_lines(lines: Sequence[str], old_names: Sequence[str], names: Sequence[str],
                   fields: Dict[str, np.ndarray], separator: Optional[str] = None) -> Iterator[str]:
    """Lines of text with new columns; what was there stays as it was written.

    Args:
        lines: one line per point.
        old_names: their columns.
        names: columns of the result, the old ones first.
        fields: ``[N]`` values of the new and the changed columns.
        separator: what separates columns; ``None`` is any number of spaces.
    """
    texts = {names.index(name): values.astype(str).tolist() for name, values in fields.items()}
    for row, line in enumerate(lines):
        words = line.strip().split(separator)
        if len(words) != len(old_names):
            raise PointCloudError(f'line {line.strip()[:60]!r} has {len(words)} columns, not {len(old_names)}. Give '
                                  'every line the same number of columns')
        words += [''] * (len(names) - len(words))
        for column, text in texts.items():
            words[column] = text[row]
        yield (separator or ' ').join(words) + '\n'


def _rows(file: TextIO, layout: Table) -> Iterator[str]:
    """The lines of points."""
    lines = (line for line in file if line.strip())
    return itertools.islice(lines, int(layout.has_names), None)


def _first_row(path: Path, layout: Table) -> int:
    """Number of lines before the first point that pandas must not read."""
    if not layout.has_names:
        return 0
    with path.open(encoding='utf-8-sig') as file:
        return next(i for i, line in enumerate(file, 1) if line.strip())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
