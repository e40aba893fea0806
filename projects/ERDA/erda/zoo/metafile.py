"""The list of published models: a metafile as OpenMMLab has them, with the sha256 and size of each file of weights."""
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import yaml

from ..files.whole_file import write_whole
from ..own_configs import ROOT
from .errors import CheckpointError

ATTRIBUTION = 'Attribution'  # in Metadata
METAFILE = ROOT / 'projects/ERDA/metafile.yml'
EMPTY = re.compile(r'^Models: \[\]$', re.MULTILINE)


class WeightsFile(NamedTuple):
    """A file of weights.

    Attributes:
        source: URL, or path relative to the metafile.
        sha256: digest in hexadecimal.
        size: bytes.
    """
    source: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Name of the file, without any folder."""
        return self.source.rsplit('/', 1)[-1]

    @property
    def is_remote(self) -> bool:
        """Whether it must be downloaded."""
        return '://' in self.source


class ZooModel(NamedTuple):
    """A published model.

    Attributes:
        name: what ``erda://NAME`` asks for.
        config: path of its config, relative to the root of the repository.
        files: at least one; ``erda://NAME`` is the first.
        results: metrics in percent by name, of each data set.
        attribution: whom the data must be credited to, and its licence.
    """
    name: str
    config: str
    files: Tuple[WeightsFile, ...]
    results: Dict[str, Dict[str, float]]
    attribution: str = ''


class Metafile(NamedTuple):
    """Path of a metafile, and its models by name."""
    path: Path
    models: Dict[str, ZooModel]

    def model(self, name: str) -> ZooModel:
        """The model of this name.

        Raises:
            CheckpointError: if there is none.
        """
        if name not in self.models:
            known = f'it has {", ".join(self.models)}' if self.models else 'it has no models yet'
            raise CheckpointError(f'{self.path} has no model {name}; {known}.')
        return self.models[name]


def find_metafile() -> Path:
    """The metafile of this checkout or of the installed package.

    Raises:
        CheckpointError: if there is none.
    """
    if not METAFILE.is_file():
        raise CheckpointError(f'The list of published models is missing: {METAFILE} does not exist.')
    return METAFILE


def read_metafile(path: Path) -> Metafile:
    """Read and check a metafile.

    Raises:
        CheckpointError: if it cannot be read, or an entry is not complete.
    """
    try:
        return _parse(path, path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f'{path} cannot be read: {error}.') from error


def add_to_metafile(path: Path, entry: dict) -> None:
    """Append an entry to ``Models``, which must be the last key of the file; the rest, comments too, stays as it is.

    Raises:
        CheckpointError: if the model is there already, or the file would not be a metafile with it.
    """
    known = read_metafile(path).models
    if entry['Name'] in known:
        raise CheckpointError(f'{path} has a model {entry["Name"]} already. Delete its entry, or choose another name.')
    text = EMPTY.sub('Models:', path.read_text()).rstrip('\n') + '\n' + entry_text(entry)
    if _parse(path, text).models.keys() != {*known, entry['Name']}:
        raise CheckpointError(f'{path}: Models must be its last key, a list with two spaces before each dash.')
    write_whole(path, text.encode())


def entry_text(entry: dict) -> str:
    """An entry as it stands below ``Models:``."""
    text = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000)
    return ''.join(f'  {line}\n' for line in text.splitlines())


def _parse(path: Path, text: str) -> Metafile:
    try:
        entries = yaml.safe_load(text)['Models'] or []
        models = [_model(entry) for entry in entries]
    except yaml.YAMLError as error:
        raise CheckpointError(f'{path} is not YAML: {" ".join(str(error).split())}') from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f'{path} is not a metafile: an entry lacks, or has wrong, {error}.') from error
    names = [model.name for model in models] + [file.name for model in models for file in model.files]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise CheckpointError(f'{path} has {repeated[0]} twice.')
    return Metafile(path, {model.name: model for model in models})


def _model(entry: dict) -> ZooModel:
    weights = entry['Weights']
    sources: List[str] = [weights] if isinstance(weights, str) else weights
    files = []
    for source in sources:
        record = entry['Files'][source.rsplit('/', 1)[-1]]
        file = WeightsFile(source, str(record['SHA256']), record['Size'])
        if not re.fullmatch('[0-9a-f]{64}', file.sha256) or not isinstance(file.size, int) or file.size < 1:
            raise ValueError(f'SHA256 and Size of {file.name}')
        if file.is_remote and not re.match('https?://', source) or not file.is_remote and Path(source).is_absolute():
            raise ValueError(f'Weights {source} (not http(s):// and not a relative path)')
        files.append(file)
    if not files:
        raise ValueError(f'Weights of {entry["Name"]}')
    results = {result['Dataset']: dict(result['Metrics']) for result in entry.get('Results') or []}
    attribution = str((entry.get('Metadata') or {}).get(ATTRIBUTION, ''))
    return ZooModel(entry['Name'], entry['Config'], tuple(files), results, attribution)
