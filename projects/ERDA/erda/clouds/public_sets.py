"""Public data sets that need no questions: their descriptions come with the package."""
from pathlib import Path
from typing import List

from ..files.data_error import DataError
from ..own_configs import ROOT
from .description import DESCRIPTION, SPLITS, Description, read_description
from .features import fields_of_feature, find_field
from .inspection import FolderReport, inspect_folder

FOLDER = ROOT / 'configs/clouds'
NAMED_FILES = 5  # of those that are missing


def public_sets() -> List[str]:
    """Names of the descriptions."""
    return sorted(path.stem for path in FOLDER.glob('*.yaml'))


def public_description(name: str) -> Path:
    """File of the description of a data set, to be copied into its folder.

    Raises:
        DataError: if there is none of this name.
    """
    if name not in public_sets():
        raise DataError(f'There is no description {name!r}. There are {", ".join(public_sets())}.')
    return FOLDER / f'{name}.yaml'


def inspect_public(root: Path, name: str) -> FolderReport:
    """Read the files of a data set that are in a split.

    Args:
        root: folder of the data set.
        name: of its description.

    Raises:
        DataError: if there is no such description, files are missing, or files cannot be used.
    """
    description = read_description(public_description(name), root)
    if not root.is_dir():
        raise DataError(f'{root} is not a folder. {_how_to_get(description)}')
    if missing := missing_files(description):
        more = f' and {len(missing) - NAMED_FILES} more' if len(missing) > NAMED_FILES else ''
        raise DataError(f'{root} lacks {", ".join(missing[:NAMED_FILES])}{more} of {description.about["title"]}. '
                        f'{_how_to_get(description)} To do without them, copy {public_description(name)} to '
                        f'{root / DESCRIPTION} and take them out of its splits.')
    files = {file for split in SPLITS if split in description.splits for file in description.files(split)}
    return inspect_folder(root, label_field=description.label_field, columns=description.columns, only=files)


def missing_files(description: Description) -> List[str]:
    """Files and patterns of the splits that mean no file."""
    return [pattern for patterns in description.splits.values() for pattern in patterns
            if not description.matching(pattern)]


def doubts(report: FolderReport, description: Description) -> List[str]:
    """A sentence on each thing in the files that the description does not know."""
    sentences = [f'{description.label_field} has the value {value} ({count:,} points), which {DESCRIPTION} does not '
                 'list: add it to a class, to unlabelled or to void before you train.'
                 for value, count in report.label_counts.items() if value not in description.class_of_value()]
    for field in (field for feature in description.features for field in fields_of_feature(feature)):
        if without := [file.name for file in report.files if find_field(file.fields, field) is None]:
            sentences.append(f'{without[0]} has no field {field}: take it out of the features and the scale in '
                             f'{DESCRIPTION} before you train.')
    return sentences


def _how_to_get(description: Description) -> str:
    about = description.about
    return f'Get the data from {about["get"]} (licence: {about["licence"]}).'
