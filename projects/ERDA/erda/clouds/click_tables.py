"""Tables of clicks as programs write them: spreadsheets, QGIS, CloudCompare, JSON."""
import csv
import io
import json
import logging
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import numpy as np

from ..weak_labels.click_labels import ClickError
from .cloud_files import PointCloudError, read_point_cloud

SUFFIXES = ('.csv', '.txt', '.tsv', '.asc', '.json', '.ply')
# Names of a column, the first that is there counts; in any case, and with CloudCompare's scalar_ before it or not.
COLUMNS = dict(file=('file', 'filename'), index=('index', ), x=('x', ), y=('y', ), z=('z', ),
               **{'class': ('class', 'classification', 'label')})
SEPARATORS = ';\t|,'
EMPTY = ('', 'nan')  # a point of which nobody has said anything yet
COMMENT = re.compile(r'^\s*(//|#)\s*')  # CloudCompare begins the line of names with //
WHOLE_FLOAT = re.compile(r'(-?\d+)\.0*')
SIX_DIGITS = 10_000  # metres; from there on six digits are no centimetres
EXACT_FLOATS = 1 << 24  # CloudCompare's fields are float32, which has no odd numbers above


class ClickRow(NamedTuple):
    """A row: where it stands, for messages, and its text in each of ``COLUMNS`` that the table has."""
    where: str
    cells: Dict[str, str]


def read_rows(path: Path) -> List[ClickRow]:
    """The rows of a table.

    Args:
        path: CSV or text with a line of names, a JSON list of objects, or a PLY file; in any usual encoding and with
            any usual separator.

    Raises:
        ClickError: if it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ClickError(f'{path}: clicks come as {", ".join(SUFFIXES)}. Export them as .csv.')
    try:
        if suffix == '.ply':
            return _ply_rows(path)
        return _json_rows(path) if suffix == '.json' else _text_rows(path)
    except PointCloudError as error:
        raise ClickError(str(error)) from error
    except (OSError, UnicodeError, csv.Error, json.JSONDecodeError) as error:
        raise ClickError(f'Cannot read the clicks {path}: {error}') from error


def number_in(text: str) -> float:
    """A number as spreadsheets write it, also with a decimal comma.

    Raises:
        ValueError: if it is none.
    """
    return float(text.replace(',', '.') if text.count(',') == 1 and '.' not in text else text)


def _ply_rows(path: Path) -> List[ClickRow]:
    cloud = read_point_cloud(path)
    columns = {axis: cloud.xyz[:, i] for i, axis in enumerate('xyz')}
    columns.update(cloud.fields)
    names = _canonical(list(columns))
    index = columns[names['index']] if 'index' in names else np.zeros(0)
    if index.dtype.kind == 'f' and len(index) and index.max() >= EXACT_FLOATS:
        del names['index']  # rounded: the place says which point it is
    if np.abs(cloud.xyz).max() > SIX_DIGITS and all(float(f'{value:.6g}') == value for value in cloud.xyz.ravel()):
        if 'index' not in names:
            raise ClickError(f'{path}: its coordinates have six digits, as CloudCompare writes them in text. Save it '
                             'as binary PLY.')
        for axis in 'xyz':
            del names[axis]  # the number says which point it is
    texts = {key: [_text(value) for value in columns[name].tolist()] for key, name in names.items()}
    return [ClickRow(f'{path}, point {row + 1}', {key: column[row] for key, column in texts.items()})
            for row in range(len(cloud.xyz))]


def _json_rows(path: Path) -> List[ClickRow]:
    rows = json.loads(_decode(path))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ClickError(f'{path}: a list of objects is needed, such as '
                         '[{"file": "a.las", "index": 7, "class": "ground"}].')
    return [ClickRow(f'{path}, click {number}', {key: _text(row[name]) for key, name in _canonical(list(row)).items()})
            for number, row in enumerate(rows, start=1)]


def _text_rows(path: Path) -> List[ClickRow]:
    lines = _decode(path).splitlines(keepends=True)
    # Excel may say the separator in a first line of its own.
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lower().startswith('sep=')), None)
    if first is None:
        return []
    header = COMMENT.sub('', lines[first])
    separator = max(SEPARATORS, key=header.count)
    body = ''.join(['\n' * first, header, *lines[first + 1:]])
    if separator not in header:  # spaces
        separator, body = ',', '\n'.join(','.join(line.split()) for line in body.splitlines())
    reader = csv.reader(io.StringIO(body), delimiter=separator, skipinitialspace=True)
    names: List[str] = []
    rows = []
    for cells in reader:
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith(('//', '#')):
            continue
        if not names:
            names = cells
            columns = {key: names.index(name) for key, name in _canonical(names).items()}
        elif cells != names and not (len(cells) == 1 < len(names)):  # tables put together; a line with a point count
            rows.append(ClickRow(f'{path}, line {reader.line_num}',
                                 {key: _text(cells[place]) if place < len(cells) else ''
                                  for key, place in columns.items()}))
    return rows


def _decode(path: Path) -> str:
    content = path.read_bytes()
    if content[:2] in (b'\xff\xfe', b'\xfe\xff'):
        return content.decode('utf-16')
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = content.decode('cp1252')
        logging.getLogger(__name__).warning('%s is not UTF-8: it is read as Windows-1252. If names of classes look '
                                            'wrong, save it as UTF-8.', path)
        return text


def _canonical(names: List[str]) -> Dict[str, str]:
    """The table's own name of each of ``COLUMNS`` that it has."""
    lower = {name.strip().lower().removeprefix('scalar_'): name for name in reversed(names)}
    found = {key: next((lower[alias] for alias in aliases if alias in lower), None) for key, aliases in COLUMNS.items()}
    return {key: name for key, name in found.items() if name is not None}


def _text(value: Optional[object]) -> str:
    """Text of a cell; a whole number without a decimal point, nothing for NaN."""
    text = '' if value is None else str(value).strip()
    if text.lower() in EMPTY:
        return ''
    whole = WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text
