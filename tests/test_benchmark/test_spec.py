import pytest
import yaml

from erda.benchmark.spec import SpecError, read_spec

SPEC = dict(
    title='Try', seeds=[1, 2], options={'a.b': 1, 'c': 0},
    budgets={'0.1%': {'ratio': 0.001}, '1%': {'ratio': 0.01}},
    methods={'sparse-only': dict(config='a.py'), 'ours': dict(config='b.py', budgets=['1%'], options={'c': None})},
    baseline='sparse-only')


@pytest.fixture
def read(tmp_path):
    for name in ('a.py', 'b.py'):
        (tmp_path / name).touch()

    def read(content, **changes):
        path = tmp_path / 'try.yaml'
        content = content if isinstance(content, str) else yaml.safe_dump({**content, **changes}, sort_keys=False)
        path.write_text(content)
        return read_spec(path, tmp_path)

    return read


def test_cells(read, tmp_path):
    spec = read(SPEC)
    assert (spec.name, spec.baseline, spec.classes, spec.picture) == ('try', 'sparse-only', None, False)
    assert [(cell.method, cell.budget, cell.seed) for cell in spec.cells] == [
        ('sparse-only', '0.1%', 1), ('sparse-only', '0.1%', 2), ('sparse-only', '1%', 1), ('sparse-only', '1%', 2),
        ('ours', '1%', 1), ('ours', '1%', 2)]
    last = spec.cells[-1]
    assert last.config == tmp_path / 'b.py'
    assert last.options == {'a.b': 1, 'c': None, 'ratio': 0.01, 'randomness.seed': 2,
                            'train_dataloader.dataset.seed': 2}
    assert str(last.folder) == '1pct/ours/seed_2' and str(spec.cells[0].folder) == '0.1pct/sparse-only/seed_1'


@pytest.mark.parametrize('changes, message', [
    (dict(colour=1), "unknown key 'colour'"),
    (dict(seeds=[]), r'seeds: \[\] must be a list of whole numbers'),
    (dict(seeds=['x']), 'list of whole numbers'),
    (dict(budgets={}), 'budgets must map at least one name'),
    (dict(methods={'m': dict(config='nowhere.py')}), 'method m: the config .*nowhere.py does not exist'),
    (dict(methods={'m': dict(options={})}), 'method m has no config'),
    (dict(methods={'m': dict(config='a.py', budgets=['2%'])}), "method m: budgets .*'2%'.* must be a list of some of"),
    (dict(methods={'a b': dict(config='a.py'), 'a_b': dict(config='a.py')}, baseline=None), 'would share the folder'),
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


def test_missing_file(tmp_path):
    with pytest.raises(SpecError, match='Cannot read the spec .*nowhere.yaml: No such file'):
        read_spec(tmp_path / 'nowhere.yaml', tmp_path)
