"""The clicks of a folder: found as a file, a list, a folder or a pattern, and read round by round."""
import glob
import logging
import math
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..weak_labels.click_labels import Click, ClickError
from ..weak_labels.suggestion_files import CLOUD_SUFFIX, ROUND
from .click_tables import SUFFIXES, ClickRow, number_in, read_rows
from .las_classes import folded, same_names

COORDINATES = ('x', 'y', 'z')
INTEGER = re.compile(r'-?\d+')
VOID = 'void'  # what a person says of noise; it labels nothing


class FolderClicks(NamedTuple):
    """Clicks of each cloud, and how many rows of it have no class, by the cloud's name."""
    clicks: Dict[str, List[Click]]
    skipped: Counter


class ClickClasses(NamedTuple):
    """What the column ``class`` may say.

    Attributes:
        names: K classes.
        codes: class of each code; a number in the column is one of these.
        unlabelled: codes that say nothing about a point.
    """
    names: Sequence[str]
    codes: Mapping[int, int] = {}
    unlabelled: Sequence[int] = ()

    def label(self, where: str, text: str) -> Optional[int]:
        """Class of a cell, ``None`` for unlabelled and ``VOID``.

        Raises:
            ClickError: if it is none, or could be two.
        """
        code = int(text) if INTEGER.fullmatch(text) else None
        if text in self.names:
            label = list(self.names).index(text)
            if code is not None and self.codes.get(code, label) != label:
                raise ClickError(f'{where}: {text} is the name of a class and the code of '
                                 f'{self.names[self.codes[code]]!r}. Rename the class.')
            return label
        if code is not None and code in self.codes:
            return self.codes[code]
        if code is not None and code in self.unlabelled:
            return None
        found = [label for label, name in enumerate(self.names) if folded(name) == folded(text)]
        if len(found) == 1:
            return found[0]
        if folded(text) == VOID:
            return None
        raise ClickError(f'{where}: unknown class {text!r}; the classes are {self.described()}. Leave the class empty '
                         'where you cannot tell.')

    def described(self) -> str:
        """The names with their codes.

        Examples:
            >>> ClickClasses(['ground', 'roof'], {2: 0, 64: 1}).described()
            'ground (2), roof (64)'
        """
        return ', '.join(' '.join([name, *(f'({code})' for code, of in self.codes.items() if of == label)])
                         for label, name in enumerate(self.names))


def find_click_files(given: Iterable[Path]) -> List[Path]:
    """Tables of clicks in their order: files, those in folders, and those of patterns, both sorted by number and name.

    Of folders and patterns, what has no class and place is left out with a warning, without one if it is a suggestion.
    A folder may be yet to come.

    Raises:
        ClickError: if there is no such file, or nothing of a pattern.
    """
    found: Dict[Path, Path] = {}
    for path in given:
        if path.is_file():
            found[path.resolve()] = path
            continue
        pattern = str(path / '*') if path.is_dir() else str(path)
        matches = [Path(match) for match in glob.glob(pattern)]
        if not matches and not path.is_dir() and (path.suffix or glob.has_magic(str(path))):
            raise ClickError(f'{path} does not exist. Name a file of clicks, a folder of them or a pattern.')
        for match in sorted(matches, key=_in_rounds):
            if match.is_file() and match.suffix.lower() in SUFFIXES and _has_clicks(match):
                found.setdefault(match.resolve(), match)
    return list(found.values())


def click_values(paths: Sequence[Path]) -> Counter:
    """How often each class is written in tables of clicks.

    Raises:
        ClickError: if a table cannot be read, lacks a column, or writes a class in two ways or as what is no name.
    """
    counts: Counter = Counter()
    for path in paths:
        for where, cells in read_rows(path):
            _check_columns(where, cells)
            if name := cells['class']:
                _check_name(where, name)
                counts[name] += 1
    if twice := same_names(list(counts)):
        raise ClickError(f'{", ".join(map(str, paths))}: {" and ".join(twice[0])} may be one class or two. Write one '
                         'of them everywhere.')
    return counts


def read_clicks(paths: Sequence[Path], classes: ClickClasses, clouds: Mapping[str, Path],
                may_be_none: bool = False) -> FolderClicks:
    """The clicks on some clouds; each table is a round, later ones win over earlier ones.

    The columns are ``file``, ``class`` and either ``x, y, z`` or ``index``, or all of them. A table without ``file`` is
    of the cloud that its own name has in it, or of the only one. Rows with an empty class are counted and skipped.

    Args:
        paths: from :func:`find_click_files`.
        classes: what the column ``class`` may say.
        clouds: files by their names; a click names a cloud by that, or by enough of the end of its path.
        may_be_none: whether it is fine if no row has a class.

    Raises:
        ClickError: if a table cannot be read, or a row has an unknown class, file, or no place.
    """
    result = FolderClicks({name: [] for name in clouds}, Counter())
    for number, path in enumerate(paths):
        rows = read_rows(path)
        if not _has_class(rows) and (path.name.endswith(CLOUD_SUFFIX) or (ROUND.fullmatch(path.name)
                                                                          and is_filled_in(path))):
            continue  # somebody has filled in another file of this round
        for where, cells in rows:
            _check_columns(where, cells)
            if not cells['class']:
                result.skipped[_cloud_of(where, path, cells, clouds)] += 1
                continue
            _check_name(where, cells['class'])
            label = classes.label(where, cells['class'])
            cloud = _cloud_of(where, path, cells, clouds)
            if label is None:
                result.skipped[cloud] += 1
            else:
                xyz, index = _place(where, cells)
                result.clicks[cloud].append(Click(label, xyz, index, number, where))
    if not (may_be_none or any(result.clicks.values())):
        raise ClickError(f'{", ".join(map(str, paths)) or "The folder of clicks"}: no click at all'
                         + (': fill in the column "class".' if result.skipped else '.'))
    return result


def is_filled_in(table: Path) -> bool:
    """Whether a round has a class, in its table or in a file beside it whose name begins alike.

    Raises:
        ClickError: if one of them cannot be read.
    """
    return any(_has_class(read_rows(path)) for path in [table, *table.parent.glob(f'{table.stem}_*')]
               if path.suffix.lower() in SUFFIXES)


def _has_class(rows: Sequence[ClickRow]) -> bool:
    return any(cells.get('class') for _, cells in rows)


def _in_rounds(path: Path) -> Tuple:
    """round_10 comes behind round_2."""
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else part)
                 for part in re.split(r'(\d+)', path.as_posix()))


def _has_clicks(path: Path) -> bool:
    try:
        rows = read_rows(path)
    except ClickError as error:
        logging.getLogger(__name__).warning('%s', error)
        return False
    if all('class' in cells and ('index' in cells or 'x' in cells) for _, cells in rows):
        return True
    if not path.name.endswith(CLOUD_SUFFIX):
        logging.getLogger(__name__).warning('%s has no class and place in each row: it is no table of clicks.', path)
    return False


def _check_columns(where: str, cells: Dict[str, str]) -> None:
    if 'class' not in cells:
        raise ClickError(f'{where}: there is no column class. Name it so in the first line.')


def _check_name(where: str, name: str) -> None:
    if not any(letter.isalnum() for letter in name) or name.lower() in ('none', 'null', 'n/a', 'na'):
        raise ClickError(f'{where}: {name!r} is no name of a class. Leave the class empty where you cannot tell.')


def _cloud_of(where: str, table: Path, cells: Dict[str, str], clouds: Mapping[str, Path]) -> str:
    name = cells.get('file', '').replace('\\', '/')
    if not name and 'file' in cells:
        raise ClickError(f'{where}: no value for file.')
    if name in clouds:
        return name
    if name:
        found = [cloud for cloud, path in clouds.items()
                 if f'/{path.absolute().as_posix()}'.endswith(f'/{PurePosixPath(name)}')]
    elif len(clouds) == 1:
        found = list(clouds)
    else:
        found = _clouds_in_name(table.name, clouds)
    if len(found) == 1:
        return found[0]
    if not found and name:
        raise ClickError(f'{where}: {name} is no file of any split, which has {_some(clouds)}. Correct the name, or '
                         'add the file to the splits.')
    if not found:
        raise ClickError(f'{where}: there is no column file, and the name of the table has no name of a cloud in it. '
                         f'Add the column, or put one of {_some(clouds)} into the name.')
    raise ClickError(f'{where}: {name or table.name} may be {" or ".join(found)}. Write the folder, too.')


def _clouds_in_name(table: str, clouds: Mapping[str, Path]) -> List[str]:
    """The clouds whose name, with or without its suffix, is in that of a table; the longest wins."""
    lengths: Dict[str, int] = {}
    for cloud in clouds:
        for name in (cloud.replace('/', '_'), PurePosixPath(cloud).name, PurePosixPath(cloud).stem):
            if re.search(rf'(?<![^\W_]){re.escape(name)}(?![^\W_])', table):
                lengths[cloud] = max(lengths.get(cloud, 0), len(name))
    return [cloud for cloud, length in lengths.items() if length == max(lengths.values())]


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')


def _place(where: str, cells: Dict[str, str]) -> Tuple[Optional[Tuple[float, float, float]], Optional[int]]:
    given = {name: cells.get(name, '') for name in (*COORDINATES, 'index')}
    some = [name for name in COORDINATES if given[name]]
    if len(some) in (1, 2):
        raise ClickError(f'{where}: x, y and z belong together, but only {", ".join(some)} is there.')
    if not some and not given['index']:
        raise ClickError(f'{where}: a click needs x, y and z, or index.')
    xyz = None
    if some:
        x, y, z = (_number(where, name, given[name]) for name in COORDINATES)
        xyz = (x, y, z)
    if not given['index']:
        return xyz, None
    index = _number(where, 'index', given['index'])
    if index != int(index) or index < 0:
        raise ClickError(f'{where}: index {given["index"]!r} is not a whole number from 0.')
    return xyz, int(index)


def _number(where: str, name: str, text: str) -> float:
    try:
        value = number_in(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ClickError(f'{where}: {name} is {text!r}, not a number.')
    return value
