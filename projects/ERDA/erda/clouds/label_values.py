"""What the values of labels and clicks mean: classes, unlabelled or void, and a sentence on each assumption."""
from collections import Counter
from typing import Collection, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence

from ..files.data_error import DataError
from .click_files import INTEGER, VOID
from .description import LabelValue, numbers_among
from .features import find_field
from .inspection import LABEL_FIELDS, FolderReport
from .las_classes import ASPRS_CLASSES, FIRST_FREE, LAST_OF_OLD_FORMATS, asprs_code, codes_of_classes, folded

ASPRS, AS_THEY_ARE = 'asprs', 'as-they-are'
Reasons = Dict[LabelValue, str]  # why values are no class
ASPRS_UNLABELLED: Reasons = {0: 'never classified', 1: 'unclassified', 12: 'overlap'}
ASPRS_VOID: Reasons = {7: 'low noise', 18: 'high noise'}
UNLABELLED_VALUES: Reasons = dict.fromkeys((-1, 255, 'unlabelled', 'unlabeled', 'unclassified'), 'by custom')
VOID_WORDS: Reasons = dict.fromkeys(('void', 'ignore', 'ignored', 'noise'), 'by custom')
ASPRS_RESERVED = range(23, FIRST_FREE)
MOST_KEY_POINTS, MOST_NOISE = 0.01, 0.05  # shares of all points that an ASPRS classification hardly exceeds


class LabelValues(NamedTuple):
    """Values of each class, unlabelled values, void values."""
    classes: Dict[str, List[LabelValue]]
    unlabelled: List[LabelValue]
    void: List[LabelValue]


def values_of_field(report: FolderReport, codes: Optional[str], unlabelled: Optional[Collection[LabelValue]],
                    notes: List[str]) -> LabelValues:
    """What the values of the label field mean.

    Args:
        report: of a folder with a label field.
        codes: ``'asprs'`` or ``'as-they-are'``; ``None`` decides, and refuses LAS classes that do not look like ASPRS.
        unlabelled: values that nobody labelled; those of the convention if ``None``.
        notes: gets a sentence on each assumption.

    Raises:
        DataError: if the user has to say what the codes are.
    """
    counts, field = report.label_counts, report.label_field
    is_asprs = bool(numbers_among(counts)) and (codes == ASPRS or (codes is None and report.is_las))
    if codes is None and is_asprs and (doubt := _unlike_asprs(counts)):
        raise DataError(f'{report.root}: the codes in {field} do not look like those of the LAS table: {doubt}. Say '
                        f'--codes {ASPRS} if they are, or --codes {AS_THEY_ARE} for a class of each code.')
    if is_asprs:
        by_custom, void_values = ASPRS_UNLABELLED, ASPRS_VOID
    else:
        # In SemanticKITTI's .label files 0 is unlabelled.
        zero: Reasons = {0: 'as in SemanticKITTI'} if all(file.name.endswith('.bin') for file in report.files) else {}
        by_custom, void_values = {**zero, **UNLABELLED_VALUES}, VOID_WORDS
        if codes == AS_THEY_ARE:
            by_custom, void_values = zero, {}
    if unlabelled is not None:
        by_custom = dict.fromkeys(unlabelled, 'as you say')
        void_values = {value: why for value, why in void_values.items() if value not in by_custom}
    no_class = {**by_custom, **void_values}
    classes = {_name(value, is_asprs): [value] for value in counts if value not in no_class}
    if is_asprs:
        notes.append(f'The codes in {field} are read by the table of LAS; --codes {AS_THEY_ARE} makes a class of each.')
    for kind, values in (('unlabelled', by_custom), ('void, which nobody learns from', void_values)):
        for value in counts:
            if value in values:
                notes.append(f'{_count(value, counts)} of {field} is {kind} ({values[value]}). Otherwise: --unlabelled '
                             f'with the values that are, or none.')
    if 0 in counts and 0 not in no_class:
        notes.append(f'{_count(0, counts)} of {field} is a class. If nobody labelled these points: --unlabelled 0.')
    others = [name for name in LABEL_FIELDS if find_field(report.files[0].fields, name) not in (None, field)]
    if others:
        notes.append(f'Labels are those of {field}; {" and ".join(others)} is not used. Otherwise: --labels '
                     f'{others[0]}.')
    return LabelValues(classes, [value for value in counts if value in by_custom],
                       [value for value in counts if value in void_values])


def values_of_clicks(report: FolderReport, given: LabelValues, names: Sequence[str], written: Mapping[str, int],
                     codes: Optional[str], unlabelled: Optional[Collection[LabelValue]],
                     notes: List[str]) -> LabelValues:
    """The classes of clicks beside those that are given, each with a code for the labelled files.

    Args:
        report: of the folder.
        given: the classes of a label field, none without one.
        names: all names that clicks may use, if the user lists them.
        written: how often clicks have each name or number.
        codes, unlabelled, notes: as in :func:`values_of_field`.

    Raises:
        DataError: for a name that is not listed, or names beside numbers without a table for these.
    """
    is_asprs = codes == ASPRS or (codes is None and report.is_las)
    numbers = [name for name in written if INTEGER.fullmatch(name) and name not in names]
    words = [name for name in written if name not in numbers and (folded(name) != VOID or name in names)]
    if words and numbers and not (is_asprs or names or given.classes):
        raise DataError(f'The classes of the clicks are names ({words[0]}) and numbers ({numbers[0]}). Write names '
                        'everywhere, or numbers.')
    known = {folded(name) for name in (*names, *given.classes)}
    if names and (strange := [name for name in words if folded(name) not in known]):
        raise DataError(f'The clicks have the class {strange[0]!r}, but --classes has {", ".join(names)}.')
    classes = dict(given.classes)
    for name in (*names, *words):
        if not any(folded(name) == folded(other) for other in classes):
            classes[name] = []
    skipped = set(unlabelled if unlabelled is not None else ASPRS_UNLABELLED if is_asprs else ())
    skipped |= set(ASPRS_VOID) if is_asprs and unlabelled is None else set()
    skipped |= {*given.unlabelled, *given.void}
    # A field with larger codes says that not all files are old.
    old_format = report.has_old_las and max([0, *numbers_among(sum(given.classes.values(), []))]) <= LAST_OF_OLD_FORMATS
    of_code = dict(zip(_codes(classes, skipped, old_format), classes)) if is_asprs or names else {}
    for number in map(int, numbers):
        if number in skipped or number in (value for values in classes.values() for value in values):
            continue
        if names and number not in of_code:
            raise DataError(f'The clicks have the class {number}, but --classes has '
                            f'{", ".join(f"{name} ({code})" for code, name in of_code.items())}.')
        name = of_code.get(number) or _name(number, is_asprs)
        classes[name] = [number]
    if 0 in map(int, numbers) and 0 not in skipped:
        notes.append(f'0 is a class of the clicks ({written["0"]} of them). If it means not classified: --unlabelled '
                     '0.')
    if said := [number for number in numbers if int(number) in skipped]:
        notes.append(f'Clicks of class {", ".join(said)} ({sum(written[number] for number in said)} of them) label '
                     f'nothing. Otherwise: --unlabelled none, or --codes {AS_THEY_ARE}.')
    values = _codes(classes, skipped, old_format)
    free = [f'{name} {code}' for (name, old), code in zip(classes.items(), values)
            if not old and code != asprs_code(name)]
    if report.is_las and free:
        why = ' (point formats below 6 end at 31)' if old_format else ''
        notes.append(f'The table of LAS has no code for some classes; labelled files get free ones{why}: '
                     f'{", ".join(free)}.')
    return LabelValues({name: old or [code] for (name, old), code in zip(classes.items(), values)},
                       [*given.unlabelled, *(int(number) for number in said if int(number) not in given.unlabelled
                                             and int(number) not in given.void)], given.void)


def unused_labels(report: FolderReport) -> Optional[str]:
    """A sentence on labels in the files that clicks take the place of, if there are any worth keeping."""
    field = next((own for name in LABEL_FIELDS if (own := find_field(report.files[0].fields, name))), None)
    counts: Counter[LabelValue] = Counter()
    for file in report.files:
        counts.update(file.values or {})
    if field is None or len(counts) < 2:
        return None
    return (f'The clicks are the labels; {field}, which has {len(counts)} values, is not used. To validate with it: '
            f'--labels {field}.')


def _unlike_asprs(counts: Mapping[LabelValue, int]) -> Optional[str]:
    total = sum(counts.values())
    for value in counts:
        if value in ASPRS_RESERVED:
            return f'{value} is no class there'
    if counts.get(8, 0) > MOST_KEY_POINTS * total:
        return f'8 is a rare model key point there, but has {counts[8]:,} of {total:,} points'
    if (noise := sum(counts.get(value, 0) for value in ASPRS_VOID)) > MOST_NOISE * total:
        return f'7 and 18 are noise there, but have {noise:,} of {total:,} points'
    named = [value for value in counts if value not in {**ASPRS_UNLABELLED, **ASPRS_VOID}]
    if len(named) > 1 and 2 not in counts:
        return f'there is no ground (2), but {", ".join(map(str, named))}'
    return None


def _codes(classes: Mapping[str, Sequence[LabelValue]], taken: Iterable[LabelValue], old_format: bool) -> List[int]:
    return codes_of_classes({name: numbers_among(values) for name, values in classes.items()}, numbers_among(taken),
                            old_format)


def _name(value: LabelValue, is_asprs: bool) -> str:
    if isinstance(value, str):
        return value
    return (ASPRS_CLASSES.get(value) if is_asprs else None) or f'class_{value}'.replace('-', 'minus_')


def _count(value: LabelValue, counts: Mapping[LabelValue, int]) -> str:
    share = counts[value] / sum(counts.values())
    return f'{value} ({counts[value]:,} points, {f"{share:.0%}" if share >= 0.01 else "less than 1%"})'
