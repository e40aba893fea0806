"""Codes of classes in files: those of the LAS standard where it has the name, free ones for all others."""
import re
from typing import Collection, Dict, List, Mapping, Optional, Sequence

from ..files.data_error import DataError

# Source: LAS 1.4 R15, table 17, https://www.asprs.org/divisions-committees/lidar-division/laser-las-file-format-exchange-activities
ASPRS_CLASSES = {
    2: 'ground', 3: 'low_vegetation', 4: 'medium_vegetation', 5: 'high_vegetation', 6: 'building', 8: 'model_key_point',
    9: 'water', 10: 'rail', 11: 'road_surface', 12: 'overlap', 13: 'wire_guard', 14: 'wire_conductor',
    15: 'transmission_tower', 16: 'wire_connector', 17: 'bridge_deck', 19: 'overhead_structure', 20: 'ignored_ground',
    21: 'snow', 22: 'temporal_exclusion'}
# What people call the same, in the singular.
SYNONYMS = {
    'terrain': 2, 'bare earth': 2, 'bare ground': 2, 'soil': 2, 'grass': 3, 'low veg': 3, 'shrub': 4, 'bush': 4,
    'medium veg': 4, 'tree': 5, 'high veg': 5, 'house': 6, 'railway': 10, 'rail track': 10, 'road': 11, 'street': 11,
    'power line': 14, 'powerline': 14, 'wire': 14, 'conductor': 14, 'pylon': 15, 'power tower': 15, 'bridge': 17}
EXACT = {name.replace('_', ' '): code for code, name in ASPRS_CLASSES.items()}
FIRST_FREE = 64  # LAS 1.4 leaves 64 to 255 to the user
# Point formats 0 to 5 have five bits for a class; their standard defines none from 13.
FIRST_FREE_OF_OLD_FORMATS, LAST_OF_OLD_FORMATS = 13, 31


def codes_of_classes(classes: Dict[str, List[int]], taken: Collection[int] = (), old_format: bool = False) -> List[int]:
    """One code for each class: its first value, or else that of the LAS table, or else a free one.

    Args:
        classes: values of each class, none for a class that has no code yet.
        taken: codes that mean something else, such as unlabelled.
        old_format: whether all must fit into a LAS point format below 6.

    Raises:
        DataError: if there are not enough codes.

    Examples:
        >>> codes_of_classes({'Ground': [], 'facade': [], 'trees': [], 'sign': [], 'roof': [1]})
        [2, 64, 5, 65, 1]
    """
    used = {value for values in classes.values() for value in values} | set(taken)
    codes = {name: values[0] for name, values in classes.items() if values}
    if old_format:
        codes = {name: code for name, code in codes.items() if 0 <= code <= LAST_OF_OLD_FORMATS}
    for table in (EXACT, SYNONYMS):  # 'high vegetation' gets the code before 'tree' does
        for name in classes:
            code = _code_in(table, name)
            if name not in codes and code is not None and code not in used:
                codes[name] = code
                used.add(code)
    free = iter(code for code in (range(FIRST_FREE_OF_OLD_FORMATS, LAST_OF_OLD_FORMATS + 1) if old_format
                                  else range(FIRST_FREE, 256)) if code not in used)
    for name in classes:
        if name not in codes:
            if (code := next(free, None)) is None:
                raise DataError(f'There is no code left for the class {name!r}: LAS '
                                f'{"point formats below 6 end at 31" if old_format else "ends at 255"}. Use fewer '
                                'classes, or convert the files to point format 6 or later.')
            codes[name] = code
    return [codes[name] for name in classes]


def asprs_code(name: str) -> Optional[int]:
    """The code that the LAS table has for what a class is called, if any."""
    return _code_in({**SYNONYMS, **EXACT}, name)


def folded(name: str) -> str:
    """A name as people mean it: without capitals, and with a space for whatever separates its words.

    Examples:
        >>> folded('High_Vegetation')
        'high vegetation'
    """
    return re.sub(r'[\s_-]+', ' ', name.strip()).casefold()


def same_names(names: Sequence[str]) -> List[List[str]]:
    """Names that differ in capitals or separators alone.

    Examples:
        >>> same_names(['Ground', 'tree', 'ground'])
        [['Ground', 'ground']]
    """
    groups: Dict[str, List[str]] = {}
    for name in names:
        groups.setdefault(folded(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _code_in(table: Mapping[str, int], name: str) -> Optional[int]:
    name = folded(name)
    return table.get(name.removesuffix('s'), table.get(name))
