"""What a benchmark compares: methods, label budgets and seeds."""
import itertools
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import yaml

OWN_BUDGET = 'own'  # of methods that bring their labels with their config, such as full supervision
SPEC_KEYS = ('title', 'prepare', 'seeds', 'options', 'folds', 'budgets', 'methods', 'baseline', 'classes', 'picture')
METHOD_KEYS = ('config', 'trained_as', 'fragments', 'options', 'budgets')


class SpecError(ValueError):
    """A spec that cannot be run; the message is for a person."""


class Cell(NamedTuple):
    """One training with one test.

    Attributes:
        method: name of the method.
        budget: name of the label budget.
        seed: of labels and training.
        config: config file of the method.
        options: settings merged into it one after the other, dotted keys.
        fragments: files that it inherits beside the config, see :func:`erda.config.with_fragments`.
        fold: name of the fold, empty where the spec has none.
        trained_as: the cell whose weights this one tests in place of a training of its own.
    """
    method: str
    budget: str
    seed: int
    config: Path
    options: Dict[str, Any]
    fragments: Tuple[Path, ...] = ()
    fold: str = ''
    trained_as: Optional['Cell'] = None

    @property
    def name(self) -> str:
        budget = '' if self.budget == OWN_BUDGET else self.budget
        return ', '.join(filter(None, (self.method, budget, self.fold, f'seed {self.seed}')))

    @property
    def folder(self) -> Path:
        """Below the work dir."""
        return Path(_file_name(self.budget), _file_name(self.method), _file_name(self.fold), f'seed_{self.seed}')


class BenchmarkSpec(NamedTuple):
    """A matrix of cells, and how to show their results.

    Attributes:
        name: of the file, without suffix.
        title: in words.
        methods, budgets: names in the order of the file.
        cells: all with the first seed, then all with the next.
        baseline: method that differences are given to.
        classes: classes of the mean; those with an IoU in every cell if ``None``.
        picture: whether to draw predictions.
        prepare: command that makes the data.
        folds: names; each scan is tested in one of them, and what is counted there is summed.
    """
    name: str
    title: str
    methods: List[str]
    budgets: List[str]
    cells: List[Cell]
    baseline: Optional[str] = None
    classes: Optional[List[str]] = None
    picture: bool = False
    prepare: Optional[str] = None
    folds: Tuple[str, ...] = ()


def read_spec(path: Path, root: Path) -> BenchmarkSpec:
    """Read and check a spec.

    Options of a method replace those of a budget with the same key, these those of a fold, and these the ones for every
    cell.

    Args:
        path: YAML file; the specs under ``projects/ERDA/benchmarks`` show its form.
        root: folder that config files are relative to.

    Raises:
        SpecError: if the file cannot be read, has unknown or missing entries, or two cells would share a folder.
    """
    try:
        content = yaml.load(path.read_text(), Loader=_SpecLoader)
    except OSError as error:
        raise SpecError(f'Cannot read the spec {path}: {error.strerror}.') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f'{path} is not a YAML file: {error}') from error
    try:
        return _spec(path.stem, content, root)
    except SpecError as error:
        raise SpecError(f'{path}: {error}') from error


def choose_cells(spec: BenchmarkSpec, methods: Optional[Sequence[str]] = None, budgets: Optional[Sequence[str]] = None,
                 seeds: Optional[Sequence[int]] = None) -> List[Cell]:
    """The cells of a spec with these methods, budgets and seeds; ``None`` stands for all.

    A method that is trained as another one brings that one along.

    Raises:
        SpecError: if the spec has no such name, or none of its cells is left.
    """
    cells = spec.cells
    for key, wanted in (('method', methods), ('budget', budgets), ('seed', seeds)):
        known = dict.fromkeys(getattr(cell, key) for cell in spec.cells)
        if unknown := [name for name in wanted or () if name not in known]:
            raise SpecError(f'{spec.name} has no {key} {unknown[0]!r}; it has {", ".join(map(str, known))}.')
        cells = [cell for cell in cells if wanted is None or getattr(cell, key) in wanted]
    if not cells:
        raise SpecError(f'{spec.name} has no cell with these methods, budgets and seeds.')
    trained = [cell.trained_as for cell in cells]
    return [cell for cell in spec.cells if cell in cells or cell in trained]


def _spec(name: str, content: Any, root: Path) -> BenchmarkSpec:
    _check_keys('the spec', content, SPEC_KEYS, required=('title', 'seeds', 'methods'))
    seeds, baseline, classes = content['seeds'], content.get('baseline'), content.get('classes')
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise SpecError(f'seeds: {seeds!r} must be a list of whole numbers, such as [1, 2, 3].')
    if classes is not None and not (isinstance(classes, list) and classes and all(type(x) is str for x in classes)):
        raise SpecError(f'classes: {classes!r} must be a list of names.')
    for key in ('title', 'prepare'):
        if not isinstance(content.get(key, ''), str):
            raise SpecError(f'{key}: {content[key]!r} must be text.')
    if not isinstance(content.get('picture', False), bool):
        raise SpecError(f'picture: {content["picture"]!r} must be true or false.')
    budgets = {budget: _options(f'budget {budget}', options)
               for budget, options in _named('budgets', content.get('budgets', {})).items()}
    folds = {fold: _options(f'fold {fold}', options)
             for fold, options in _named('folds', content.get('folds', {})).items()}
    methods = {method: _with_training(method, settings, content['methods'])
               for method, settings in _named('methods', content['methods']).items()}
    if OWN_BUDGET in budgets:
        raise SpecError(f'budgets: {OWN_BUDGET!r} is the name for methods without one of these; choose another.')
    if baseline is not None and baseline not in methods:
        raise SpecError(f'baseline: {baseline!r} is not one of the methods {list(methods)}.')
    general = _options('options', content.get('options'))
    rows: List[Cell] = []
    for method in sorted(methods, key=lambda method: 'trained_as' in methods[method]):
        rows += _method_cells(method, methods[method], general, folds or {'': {}}, budgets, seeds, root, rows)
    names = list(methods)
    cells = sorted(rows, key=lambda cell: (seeds.index(cell.seed), names.index(cell.method)))
    folders: Dict[str, Cell] = {}
    for cell in cells:
        other = folders.setdefault(str(cell.folder).lower(), cell)  # some file systems do not tell a from A
        if other is not cell:
            raise SpecError(f'"{other.name}" and "{cell.name}" would share the folder {cell.folder}; rename one.')
    return BenchmarkSpec(name, content['title'], list(methods), list(budgets), cells, baseline, classes,
                         content.get('picture', False), content.get('prepare'), tuple(folds))


def _method_cells(method: str, settings: Any, general: dict, folds: Dict[str, dict], budgets: Dict[str, dict],
                  seeds: List[int], root: Path, trained: Sequence[Cell]) -> List[Cell]:
    config, *fragments = (root / str(name) for name in (settings['config'], *_fragments(method, settings)))
    for path in (config, *fragments):
        if not path.is_file():
            raise SpecError(f'method {method}: the config {path} does not exist.')
    chosen = settings.get('budgets', list(budgets))
    if not isinstance(chosen, list) or not all(budget in budgets for budget in chosen):
        raise SpecError(f'method {method}: budgets {chosen!r} must be a list of some of {list(budgets)}, '
                        'or [] for the labels of its own config.')
    own = _options(f'method {method}', settings.get('options'))
    cells = []
    trainings = {(cell.method, cell.budget, cell.fold, cell.seed): cell for cell in trained}
    for budget, fold, seed in itertools.product(chosen or [OWN_BUDGET], folds, seeds):
        options = dict(general)
        for level in (folds[fold], budgets.get(budget, {}), own,
                      {'randomness.seed': seed, 'train_dataloader.dataset.seed': seed}):
            for key, value in level.items():
                options.pop(key, None)  # so that it is merged where the last of them stands
                options[key] = value
        training = trainings.get((settings.get('trained_as', ''), budget, fold, seed))
        if 'trained_as' in settings and training is None:
            raise SpecError(f'method {method}: {settings["trained_as"]} is not trained with the budget {budget}.')
        cells.append(Cell(method, budget, seed, config, options, tuple(fragments), fold, training))
    return cells


def _with_training(method: str, settings: Any, methods: Dict[str, Any]) -> Dict[str, Any]:
    """Settings of a method, behind those of the method that it is trained as."""
    if not isinstance(settings, dict) or 'trained_as' not in settings:
        _check_keys(f'method {method}', settings, METHOD_KEYS, required=('config', ))
        return settings
    _check_keys(f'method {method}', settings, METHOD_KEYS, required=())
    if 'config' in settings:
        raise SpecError(f'method {method} has trained_as and a config, which is that of the training: remove one.')
    training = methods.get(settings['trained_as']) if isinstance(settings['trained_as'], str) else None
    if not isinstance(training, dict) or 'config' not in training:
        raise SpecError(f'method {method}: trained_as: {settings["trained_as"]!r} is none of the methods that have a '
                        'config.')
    before = _options(f'method {settings["trained_as"]}', training.get('options'))
    own = _options(f'method {method}', settings.get('options'))
    return {**training, **settings,
            'fragments': _fragments(settings['trained_as'], training) + _fragments(method, settings),
            'options': {**{key: value for key, value in before.items() if key not in own}, **own}}


def _fragments(method: str, settings: Dict[str, Any]) -> List[str]:
    fragments = settings.get('fragments', [])
    if not isinstance(fragments, list):
        raise SpecError(f'method {method}: fragments {fragments!r} must be a list of config files.')
    return [str(name) for name in fragments]


def _check_keys(what: str, content: Any, known: Iterable[str], required: Iterable[str]) -> None:
    if not isinstance(content, dict):
        raise SpecError(f'{what} must be a mapping of {", ".join(known)}.')
    if unknown := [key for key in content if key not in known]:
        raise SpecError(f'{what} has the unknown key {unknown[0]!r}; known are {", ".join(known)}.')
    if missing := [key for key in required if key not in content]:
        raise SpecError(f'{what} has no {missing[0]}.')


def _named(what: str, content: Any) -> dict:
    if not isinstance(content, dict) or (not content and what == 'methods'):
        raise SpecError(f'{what} must map names to their settings.')
    for name in content:
        if not isinstance(name, str) or not re.search(r'\w', name) or re.search(r'[|\n]', name):
            raise SpecError(f'{what}: the name {name!r} must be text with a letter or digit and without |.')
    return content


def _options(what: str, content: Any) -> Dict[str, Any]:
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SpecError(f'{what}: {content!r} must map keys of the config, such as train_cfg.max_iters, to values.')
    return content


def _file_name(name: str) -> str:
    return re.sub(r'[^\w.+=-]+', '_', name.replace('%', 'pct')).strip('_.')


class _SpecLoader(yaml.SafeLoader):
    """YAML, but a key that occurs twice is an error, and 1e-3 is the number it looks like."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if not key.tag.endswith(':merge')]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f'the key {key!r} occurs twice', node.start_mark)
        return super().construct_mapping(node, deep)


_SpecLoader.add_implicit_resolver('tag:yaml.org,2002:float', re.compile(r'[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$'),
                                  list('-+0123456789'))
