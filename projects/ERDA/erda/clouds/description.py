"""The description of a folder of point clouds: which classes, labels, features, files and blocks it is used with."""
import itertools
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

import numpy as np
import yaml

from ..files.data_error import DataError
from .cloud_files import SUFFIXES, iter_point_cloud
from .features import HEIGHT, RGB, XYZ, colour_depth, fields_of_feature, find_field
from .las_classes import codes_of_classes, same_names

DESCRIPTION = 'erda.yaml'
CONFIG = 'minkunet_erda.py'
CACHE = '.erda_cache'
RECORDS = '.erda_records'  # of the outputs that infer.py and propagate_labels.py have completed
LEGEND = 'classes.csv'  # what infer.py writes beside labelled files
SAMPLED_POINTS = 20_000  # of each part of a file, for its scale
LabelValue = Union[int, str]  # words come from text tables
SPLITS = ('train', 'val', 'test')
ABOUT = ('title', 'paper', 'get', 'licence', 'not_checked')
OF_FILE = 'of each file'  # the scale of what has another unit in each, such as colours of 8 and 16 bits
# For classes without one: told apart with any kind of colour vision, on white and on black. The first seven are Okabe
# and Ito's, https://jfly.uni-koeln.de/color/, the others Paul Tol's, https://personal.sron.nl/~pault/.
COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233), (240, 228, 66),
           (136, 34, 85), (221, 204, 119), (17, 119, 51))


class Description(NamedTuple):
    """What ``erda.yaml`` says.

    Attributes:
        root: folder that all paths are relative to, by default that of the file.
        classes: raw label values of each class; the position of a name is its class, 0 to K-1.
        colours: red, green, blue in 0 to 255 of each class.
        label_field: per-point field that holds the raw labels; ``None`` if clicks are all there is.
        unlabelled: raw values of points that nobody labelled: ERDA learns from them.
        void: raw values of points that nobody learns from.
        features: features of a point in their order, without the coordinates, which always come first.
        scale: what a feature is divided by, except those where that is ``OF_FILE``.
        splits: files or glob patterns of each split.
        block_size: side of the square blocks that files are cut into, metres; ``None`` for whole files.
        overlap: width of what neighbouring blocks share, metres.
        clicks: files, folders or patterns of clicks; training then sees these labels and no others.
        click_radius: how far a click may be from its point, metres.
        columns: names of the columns of ``.bin`` files; ``None``: found out from their numbers.
        scaled_by_file: features that each file has another scale for, see :meth:`scale_of`.
        path: the file itself.
        about: what people should know of a public data set, texts by the names in ``ABOUT``.
    """
    root: Path
    classes: Dict[str, List[LabelValue]]
    colours: List[List[int]]
    label_field: Optional[str] = None
    unlabelled: Tuple[LabelValue, ...] = ()
    void: Tuple[LabelValue, ...] = ()
    features: Tuple[str, ...] = ()
    scale: Dict[str, float] = {}
    splits: Dict[str, List[str]] = {}
    block_size: Optional[float] = None
    overlap: float = 0.
    clicks: Tuple[Path, ...] = ()
    click_radius: float = 0.5
    columns: Optional[Tuple[str, ...]] = None
    scaled_by_file: Tuple[str, ...] = ()
    path: Path = Path(DESCRIPTION)
    about: Dict[str, str] = {}

    def files(self, split: str) -> List[str]:
        """Files of a split relative to the root, with forward slashes, sorted.

        Raises:
            DataError: if the split has no files or a pattern matches no point cloud.
        """
        if not self.splits.get(split):
            raise DataError(f'{self.path}: splits has no {split!r}. List its files there.')
        found: Set[str] = set()
        for pattern in self.splits[split]:
            if Path(pattern).is_absolute() or '..' in Path(pattern).parts:
                raise DataError(f'{self.path}: {pattern!r} must be relative to {self.root} and below it.')
            if not (files := self.matching(pattern)):
                raise DataError(f'{self.path}: {pattern!r} of the split {split!r} is no file in '
                                f'{self.root} with a suffix of {", ".join(SUFFIXES)}. Correct it there.')
            found.update(files)
        return sorted(found)

    def matching(self, pattern: str) -> List[str]:
        """The point clouds that a pattern of a split means, relative to the root, with forward slashes."""
        literal = self.root / pattern  # a file name may have brackets, which a pattern reads otherwise
        return [path.relative_to(self.root).as_posix()
                for path in ([literal] if literal.is_file() else self.root.glob(pattern))
                if path.suffix.lower() in SUFFIXES and path.is_file()]

    def codes(self, old_format: bool = False) -> List[int]:
        """The value that stands for each class in files, see :func:`codes_of_classes`."""
        numbers = {name: numbers_among(values) for name, values in self.classes.items()}
        return codes_of_classes(numbers, numbers_among((*self.unlabelled, *self.void)), old_format)

    def scale_of(self, path: Path, columns: Optional[Sequence[str]] = None) -> Dict[str, float]:
        """What the features of a file are divided by; reads it where that depends on its values.

        Colours are divided by 1, 255 or 65535, other features by what 99% of their values are below.

        Args:
            path: the file.
            columns: names of the columns of a ``.bin`` file; those of the description by default.

        Raises:
            PointCloudError: if it cannot be read.
        """
        if not self.scaled_by_file:
            return self.scale
        scale = dict(self.scale)
        samples: Dict[str, List[np.ndarray]] = {}
        for chunk in iter_point_cloud(path, columns=columns or self.columns):
            for name in itertools.chain(*map(fields_of_feature, self.scaled_by_file)):
                own = find_field(chunk.fields, name)
                if own is not None and chunk.fields[own].dtype.kind != 'U':
                    samples.setdefault(name, []).append(_sample(chunk.fields[own], colour=name in RGB))
        values = {name: np.concatenate(parts) for name, parts in samples.items()}
        # A file that lacks a field is refused where its features are made.
        if colours := {name: float(values[name].max()) for name in RGB if name in values}:
            scale['rgb'] = colour_depth(colours)
        for name in values.keys() - set(RGB):
            high = float(np.percentile(values[name], 99)) if len(values[name]) else 0.
            scale[name] = high if high > 0 else 1.
        return scale

    def class_of_value(self) -> Dict[LabelValue, int]:
        """Class of each raw label value that has one, K for void and K + 1 for unlabelled."""
        known = {value: label for label, values in enumerate(self.classes.values()) for value in values}
        known.update(dict.fromkeys(self.void, len(self.classes)))
        known.update(dict.fromkeys(self.unlabelled, len(self.classes) + 1))
        return known


def _sample(values: np.ndarray, colour: bool) -> np.ndarray:
    """What of a chunk decides the scale: the largest value of a colour, some finite values of another feature."""
    if colour:
        return values.max(keepdims=True)
    some = values[::max(len(values) // SAMPLED_POINTS, 1)]
    return some[np.isfinite(some)]


def numbers_among(values: Iterable[LabelValue]) -> List[int]:
    """The values that are numbers."""
    return [value for value in values if isinstance(value, int)]


def read_description(path: Path, root: Optional[Path] = None) -> Description:
    """Read and check ``erda.yaml``.

    Args:
        path: the file.
        root: folder that its paths are relative to; its own by default.

    Raises:
        DataError: if it is missing or no YAML, has an unknown or missing key, or contradicts itself.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f'{path} does not exist. Write it with: python tools/prepare_data.py folder {path.parent}')
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f'{path} is not YAML: {error}') from error
    check = _Checker(path, content)
    classes = check.classes()
    colours, scale = check.get('colours', dict, {}), check.get('scale', dict, {})
    description = Description(
        root=root or path.parent,
        classes=classes,
        colours=[check.colour(colours, name, i) for i, name in enumerate(classes)],
        label_field=check.get('label_field', str),
        unlabelled=tuple(check.label_values('unlabelled', content.get('unlabelled'))),
        void=tuple(check.label_values('void', content.get('void'))),
        features=tuple(name for name in check.strings('features', content.get('features')) if name != XYZ),
        scale={name: check.positive(f'scale of {name}', value) for name, value in scale.items() if value != OF_FILE},
        splits={name: check.strings(name, value) for name, value in check.get('splits', dict, {}).items()},
        block_size=check.positive_or_none('block_size', content.get('block_size')),
        overlap=check.positive_or_none('overlap', content.get('overlap') or None) or 0.,
        clicks=tuple((root or path.parent) / each for each in check.strings('clicks', content.get('clicks'))),
        click_radius=check.positive_or_none('click_radius', content.get('click_radius')) or 0.5,
        columns=tuple(check.strings('columns', content.get('columns'))) or None,
        scaled_by_file=tuple(name for name, value in scale.items() if value == OF_FILE),
        path=path,
        about={str(name): check.text(f'about {name}', value) for name, value in check.get('about', dict, {}).items()})
    check.consistent(description)
    return description


class _Checker:
    """Takes values out of the YAML and says what is wrong with them."""

    def __init__(self, path: Path, content: Any) -> None:
        self.path = path
        if not isinstance(content, dict):
            raise self.error('it must be a mapping with the keys classes, splits, ...')
        self.content = content
        keys = [key for key in Description._fields if key not in ('root', 'scaled_by_file', 'path')]
        if unknown := sorted(map(str, set(content) - set(keys))):
            raise self.error(f'unknown key {", ".join(unknown)}. The keys are {", ".join(keys)}')

    def error(self, message: str) -> DataError:
        return DataError(f'{self.path}: {message}.')

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        value = self.content.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.error(f'{key} is {value!r}, not a {dict(dict="mapping", str="text")[kind.__name__]}')
        return default if value is None else value

    def integers(self, key: str, values: Any) -> List[int]:
        values = [] if values is None else values if isinstance(values, list) else [values]
        if any(isinstance(value, bool) or not isinstance(value, int) for value in values):
            raise self.error(f'{key} is {values!r}, not a list of whole numbers')
        return values

    def label_values(self, key: str, values: Any) -> List[LabelValue]:
        values = [] if values is None else values if isinstance(values, list) else [values]
        self.integers(key, [value for value in values if not isinstance(value, str)])
        return values

    def text(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.error(f'{key} is {value!r}, not a text')
        return value

    def strings(self, key: str, values: Any) -> List[str]:
        values = [] if values is None else values if isinstance(values, list) else [values]
        if not all(isinstance(value, str) for value in values):
            raise self.error(f'{key} is {values!r}, not a list of names')
        return values

    def positive(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise self.error(f'{key} is {value!r}, not a positive number')
        return float(value)

    def positive_or_none(self, key: str, value: Any) -> Optional[float]:
        return None if value is None else self.positive(key, value)

    def classes(self) -> Dict[str, List[LabelValue]]:
        classes = self.get('classes', dict, {})
        if len(classes) < 2:
            raise self.error(f'classes has {len(classes)} names; at least two are needed, each with its label values, '
                             'such as ground: [2]')
        return {str(name): self.label_values(f'class {name}', values) for name, values in classes.items()}

    def colour(self, colours: dict, name: str, label: int) -> List[int]:
        colour = self.integers(f'colour of {name}', colours.get(name)) or list(COLOURS[label % len(COLOURS)])
        if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
            raise self.error(f'colour of {name} is {colour}, not three numbers from 0 to 255')
        return colour

    def consistent(self, description: Description) -> None:
        owners: Dict[LabelValue, str] = {}
        named = [*description.classes.items(), ('unlabelled', description.unlabelled), ('void', description.void)]
        for owner, values in named:
            for value in values:
                if value in owners:
                    raise self.error(f'label value {value} is both {owners[value]} and {owner}')
                owners[value] = owner
        if unknown := set(self.get('colours', dict, {})) - set(description.classes):
            raise self.error(f'colours has {sorted(map(str, unknown))[0]}, which is no class')
        if unknown := set(description.splits) - set(SPLITS):
            raise self.error(f'splits has {sorted(map(str, unknown))[0]}. They are {", ".join(SPLITS)}')
        if unknown := set(description.about) - set(ABOUT):
            raise self.error(f'about has {sorted(unknown)[0]}. It may have {", ".join(ABOUT)}')
        if unknown := {*description.scale, *description.scaled_by_file} - set(description.features):
            raise self.error(f'scale has {sorted(map(str, unknown))[0]}, which is not among the features')
        if HEIGHT in description.scaled_by_file:
            raise self.error(f'scale of {HEIGHT} is metres in every file; give a number')
        if len(set(description.features)) < len(description.features):
            raise self.error('features has a name twice')
        if description.label_field is None and not description.clicks:
            raise self.error('there is neither label_field nor clicks, so no point has a label')
        if twice := same_names(list(description.classes)):
            raise self.error(f'{" and ".join(twice[0])} may be one class or two. Write one of them')
        if description.block_size is None and description.overlap:
            raise self.error('overlap needs block_size')
        if description.block_size is not None and description.overlap > description.block_size / 2:
            raise self.error(f'overlap {description.overlap:g} is more than half of block_size '
                             f'{description.block_size:g}')
