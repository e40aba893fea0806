"""Text tables of points, with or without a line of names: CSV, TXT, XYZ and PTS."""
import itertools
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, TextIO

import numpy as np
import pandas as pd

from .cloud_format import AXES, PointCloud, PointCloudError, PointCloudFormat, chunk_bounds, from_columns, next_fields
from .table_layout import Table, read_layout, split

BARE_SUFFIXES = ('.xyz', '.pts')  # whose readers expect no line of names, unless it is a comment


class TableFormat(PointCloudFormat):
    """Fields are the columns; without names they are x, y, z, column_4, column_5, ... A copy always has names.

    A column that is not all numbers is a field of words, which may be class names; an empty cell among them is ''.
    """

    def count_points(self, path: Path) -> int:
        layout = read_layout(path)
        with path.open('rb') as file:
            count = sum(1 for line in itertools.islice(file, layout.first, None) if line.strip())
        if layout.claimed is not None and count != layout.claimed:
            raise PointCloudError(f'it says that it has {layout.claimed} points, but it has {count}. The file is '
                                  'truncated: copy it again')
        return count

    def field_names(self, path: Path) -> List[str]:
        return read_layout(path).names

    def assumptions(self, path: Path) -> List[str]:
        layout = read_layout(path)
        return [] if layout.names_line is not None else [
            f'its columns have no names and are taken for {", ".join(layout.names)}']

    def iter_chunks(self, path: Path, chunk_points: int) -> Iterator[PointCloud]:
        layout = read_layout(path)
        try:
            table = pd.read_csv(path, sep=layout.separator or r'\s+', names=layout.names, index_col=False,
                                skiprows=layout.first, encoding=layout.encoding, decimal=layout.decimal,
                                skipinitialspace=True, low_memory=False, float_precision='round_trip')
        except pd.errors.ParserError as error:
            raise PointCloudError(f'{error}. Give every line the same number of columns') from error
        columns = [_values(name, table[name]) for name in layout.names]
        for chunk in chunk_bounds(len(table), chunk_points):
            yield from_columns(layout.names, (values[chunk] for values in columns))

    def copy(self, source: Path, part: Path, target: Path, new_fields: Iterator[Dict[str, np.ndarray]],
             chunk_points: int) -> List[Path]:
        layout, names = read_layout(source), None
        encoding = layout.encoding.removesuffix('-sig')
        with source.open(encoding=layout.encoding) as old, part.open('w', encoding=encoding) as new:
            before = list(itertools.islice(old, layout.first))
            rows = (line for line in old if line.strip())
            while lines := list(itertools.islice(rows, chunk_points)):
                fields = next_fields(new_fields, len(lines))
                if names is None:
                    names = list(dict.fromkeys([*layout.names, *fields]))
                    _write_head(new, before, layout, names, target.suffix.lower() in BARE_SUFFIXES)
                new.writelines(extended_lines(lines, layout.names, names, fields, layout.separator, layout.decimal))
        return []


def extended_lines(lines: Sequence[str], old_names: Sequence[str], names: Sequence[str],
                   fields: Dict[str, np.ndarray], separator: str | None = None, decimal: str = '.') -> Iterator[str]:
    """Lines of text with new columns; what was there stays as it was written.

    Args:
        lines: one line per point.
        old_names: their columns.
        names: columns of the result, the old ones first.
        fields: ``[N]`` values of the new and the changed columns.
        separator: what separates columns; ``None`` is any number of spaces.
        decimal: what stands before the digits after the point.
    """
    texts = {names.index(name): [text.replace('.', decimal) for text in values.astype(str).tolist()]
             for name, values in fields.items()}
    for row, line in enumerate(lines):
        words = split(line, separator)
        if len(words) != len(old_names):
            raise PointCloudError(f'line {line.strip()[:60]!r} has {len(words)} columns, not {len(old_names)}. Give '
                                  'every line the same number of columns')
        words += [''] * (len(names) - len(words))
        for column, text in texts.items():
            words[column] = text[row]
        yield (separator or ' ').join(words) + '\n'


def _values(name: str, column: pd.Series) -> np.ndarray:
    """Numbers, or words without the spaces around them."""
    if column.dtype.kind in 'iufb':
        return column.to_numpy()
    if name.lower() in AXES:
        number = pd.to_numeric(column, errors='coerce')
        raise PointCloudError(f'its column {name!r} is not all numbers: it has {column[number.isna()].iloc[0]!r}. '
                              'Remove these lines, or name the columns')
    return column.fillna('').astype(str).str.strip().to_numpy(dtype=str)


def _write_head(file: TextIO, before: List[str], layout: Table, names: Sequence[str], bare: bool) -> None:
    """What stood before the points, with the new names."""
    separator = layout.separator or ' '
    line = separator.join(f'"{name}"' if separator in name else name for name in names) + '\n'
    if layout.names_line is None:
        file.writelines([*before, f'//{line}' if bare else line])
        return
    before = list(before)
    before[layout.names_line] = layout.comment + line
    file.writelines(before)
