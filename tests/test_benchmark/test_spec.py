import pytest
import yaml

from erda.benchmark.spec import SpecError, choose_cells, read_spec

SPEC = dict(
    title='Try', seeds=[2, 1], options={'a.b': 1, 'c': 0},
    budgets={'0.1%': {'ratio': 0.001}, '1%': {'ratio': 0.01, 'c': 1}},
    methods={'sparse-only': dict(config='a.py'), 'ours': dict(config='b.py', budgets=['1%'], options={'c': None}),
             'full': dict(config='a.py', budgets=[])},
    baseline='sparse-only')


@pytest.fixture
def read(tmp_path):
    for name in ('a.py', 'b.py'):
        (tmp_path / name).touch()

    def read(content, **changes):
        path = tmp_path / 'try.yaml'
        text = content if isinstance(content, str) else yaml.safe_dump({**content, **changes}, sort_keys=False)
        path.write_text(text)
        return read_spec(path, tmp_path)

    return read


def test_cells(read, tmp_path):
    spec = read(SPEC)
    assert (spec.name, spec.baseline, spec.classes, spec.picture) == ('try', 'sparse-only', None, False)
    assert (spec.methods, spec.budgets) == (['sparse-only', 'ours', 'full'], ['0.1%', '1%'])
    assert [(cell.method, cell.budget, cell.seed) for cell in spec.cells] == [
        (method, budget, seed) for seed in (2, 1) for method, budget in (
            ('sparse-only', '0.1%'), ('sparse-only', '1%'), ('ours', '1%'), ('full', 'own'))]
    ours, full = spec.cells[6:]
    assert ours.config == tmp_path / 'b.py' and (ours.name, full.name) == ('ours, 1%, seed 1', 'full, seed 1')
    seed = {'randomness.seed': 1, 'train_dataloader.dataset.seed': 1}
    assert ours.options == {'a.b': 1, 'ratio': 0.01, 'c': None, **seed}
    assert 'ratio' not in full.options
    assert [str(cell.folder) for cell in spec.cells[:4]] == [
        '0.1pct/sparse-only/seed_2', '1pct/sparse-only/seed_2', '1pct/ours/seed_2', 'own/full/seed_2']


def test_fragments(read, tmp_path):
    methods = dict(plain=dict(config='a.py'), mixed=dict(config='a.py', fragments=['b.py', 'a.py']))
    plain, mixed = choose_cells(read(dict(SPEC, methods=methods, baseline=None)), budgets=['1%'], seeds=[1])
    assert plain.fragments == () and mixed.fragments == (tmp_path / 'b.py', tmp_path / 'a.py')
    methods['mixed']['fragments'] = ['c.py']
    with pytest.raises(SpecError, match='method mixed: the config .*c.py does not exist'):
        read(dict(SPEC, methods=methods, baseline=None))
    methods['mixed']['fragments'] = 'b.py'
    with pytest.raises(SpecError, match="fragments 'b.py' must be a list of config files"):
        read(dict(SPEC, methods=methods, baseline=None))


def test_trained_as(read, tmp_path):
    methods = dict(
        tested=dict(trained_as='trained', fragments=['a.py'], options={'c': 7}),
        trained=dict(config='a.py', fragments=['b.py'], options={'c': 5, 'd': 6}, budgets=['1%']))
    spec = read(dict(SPEC, methods=methods, baseline=None), folds={'north': {}, 'south': {}})
    assert [(cell.method, cell.fold) for cell in choose_cells(spec, seeds=[1])] == [
        ('tested', 'north'), ('tested', 'south'), ('trained', 'north'), ('trained', 'south')], 'as they are listed'
    tested, trained = choose_cells(spec, methods=['tested'], seeds=[1])[1::2]
    assert tested.trained_as == trained and trained.trained_as is None and trained.seed == 1
    assert (tested.budget, tested.config) == ('1%', tmp_path / 'a.py')
    assert tested.fragments == (tmp_path / 'b.py', tmp_path / 'a.py'), 'its own ones last'
    assert (tested.options['c'], tested.options['d'], trained.options['c']) == (7, 6, 5)
    assert len(choose_cells(spec, methods=['trained'])) == 4


@pytest.mark.parametrize('method, message', [
    (dict(trained_as='ours', config='a.py'), 'method again has trained_as and a config, .*: remove one'),
    (dict(trained_as='theirs'), "method again: trained_as: 'theirs' is none of the methods that have a config"),
    (dict(trained_as='again'), "trained_as: 'again' is none"),
    (dict(trained_as=['ours']), 'is none of the methods'),
    (dict(trained_as='ours', budgets=['0.1%']), 'method again: ours is not trained with the budget 0.1%'),
    (dict(trained_as='ours', wrong=1), 'method again has the unknown key .wrong'),
    (dict(trained_as='ours', fragments='a.py'), 'must be a list of config files'),
])
def test_trained_as_what_is_not_trained(read, method, message):
    with pytest.raises(SpecError, match=message):
        read(dict(SPEC, methods={**SPEC['methods'], 'again': method}))


def test_folds(read):
    folds = {'north': {'a.b': 2}, 'south': {'a.b': 3, 'ratio': 9}}
    spec = read(dict(SPEC, folds=folds))
    assert spec.folds == ('north', 'south') and len(spec.cells) == 2 * len(read(SPEC).cells)
    first, second = choose_cells(spec, methods=['ours'], seeds=[1])
    assert (first.name, str(first.folder)) == ('ours, 1%, north, seed 1', '1pct/ours/north/seed_1')
    assert first.options['a.b'] == 2 and second.options['a.b'] == 3
    assert second.options['ratio'] == 0.01, 'a budget replaces what a fold says'
    assert read(SPEC).folds == () and read(SPEC).cells[0].fold == ''


def test_choice_of_cells(read):
    spec = read(SPEC)
    assert choose_cells(spec) == spec.cells
    chosen = choose_cells(spec, methods=['full', 'sparse-only'], budgets=['own', '1%'], seeds=[1])
    assert [cell.name for cell in chosen] == ['sparse-only, 1%, seed 1', 'full, seed 1']
    with pytest.raises(SpecError, match='try has no seed 3; it has 2, 1'):
        choose_cells(spec, seeds=[3])
    with pytest.raises(SpecError, match="no budget '2%'; it has 0.1%, 1%, own"):
        choose_cells(spec, budgets=['2%'])
    with pytest.raises(SpecError, match='no cell with these'):
        choose_cells(spec, methods=['full'], budgets=['1%'])


def test_options_are_merged_where_the_last_of_equal_keys_stands(read):
    options = read(SPEC).cells[2].options
    assert list(options) == ['a.b', 'ratio', 'c', 'randomness.seed', 'train_dataloader.dataset.seed']


def test_values_keep_their_types(read):
    spec = read("title: x\nseeds: [0]\nmethods: {m: {config: a.py}}\noptions: {a: 1e-3, b: 4E5, c: '1e-3', "
                "d: [1, {x: null}], e: true, f: -2.5e+1, g: 1e, h: {_delete_: true, 1.5: x}}\n")
    options = spec.cells[0].options
    values = [options[key] for key in 'abcdefgh']
    assert values == [0.001, 4e5, '1e-3', [1, {'x': None}], True, -25.0, '1e', {'_delete_': True, 1.5: 'x'}]
    assert [type(value) for value in values[:3]] == [float, float, str]


@pytest.mark.parametrize('changes, message', [
    (dict(colour=1), "unknown key 'colour'"),
    (dict(seeds=[]), r'seeds: \[\] must be a list of whole numbers'),
    (dict(seeds=['x']), 'list of whole numbers'),
    (dict(seeds=[True]), 'list of whole numbers'),
    (dict(seeds=[1, 1]), 'would share the folder'),
    (dict(title=3), 'title: 3 must be text'),
    (dict(picture='no'), "picture: 'no' must be true or false"),
    (dict(classes='car'), "classes: 'car' must be a list of names"),
    (dict(options=[1]), r'options: \[1\] must map keys of the config'),
    (dict(budgets=[]), 'budgets must map names'),
    (dict(budgets={'1%': 0.01}, methods={'m': dict(config='a.py')}, baseline=None), 'budget 1%: 0.01 must map keys'),
    (dict(budgets={'own': {}}), "budgets: 'own' is the name for methods without"),
    (dict(methods={}), 'methods must map names'),
    (dict(methods={1: dict(config='a.py')}), 'methods: the name 1 must be text'),
    (dict(methods={'a|b': dict(config='a.py')}), r"the name 'a\|b' must be text"),
    (dict(methods={'m': dict(config='nowhere.py')}, baseline=None), 'method m: the config .*nowhere.py does not exist'),
    (dict(methods={'m': dict(options={})}, baseline=None), 'method m has no config'),
    (dict(methods={'m': 'a.py'}, baseline=None), 'method m must be a mapping'),
    (dict(methods={'m': dict(config='a.py', budgets=['2%'])}, baseline=None),
     "method m: budgets .*'2%'.* must be a list of some of"),
    (dict(methods={'a b': dict(config='a.py'), 'A_b': dict(config='a.py')}, baseline=None), 'would share the folder'),
    (dict(baseline='theirs'), "baseline: 'theirs' is not one of the methods"),
])
def test_errors_name_the_file_and_what_is_wrong(read, changes, message):
    with pytest.raises(SpecError, match=f'try.yaml: .*{message}'):
        read(SPEC, **changes)


@pytest.mark.parametrize('content, message', [
    ('a: [', 'is not a YAML file'), ('3', 'must be a mapping'), ('a: 1\na: 2', "the key 'a' occurs twice"),
    ('!!python/object/apply:os.system [ls]', 'is not a YAML file')])
def test_not_a_spec(read, content, message):
    with pytest.raises(SpecError, match=message):
        read(content)


def test_anchors(read):
    spec = read('title: x\nseeds: [0]\nmethods:\n  a: &a {config: a.py, options: {k: 1}}\n'
                '  b: {<<: *a, config: b.py}\n')
    assert [cell.options['k'] for cell in spec.cells] == [1, 1] and spec.cells[1].config.name == 'b.py'


def test_missing_file(tmp_path):
    with pytest.raises(SpecError, match='Cannot read the spec .*nowhere.yaml: No such file'):
        read_spec(tmp_path / 'nowhere.yaml', tmp_path)
