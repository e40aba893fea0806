import pytest
import yaml

from erda.own_configs import ROOT
from erda.zoo.errors import CheckpointError
from erda.zoo.metafile import add_to_metafile, find_metafile, read_metafile

DIGEST = 'a' * 64
HEADER = '# By hand.\nCollections:\n  - Name: ERDA  # kept\n'


def entry(name='first', **changes):
    weights = f'https://example.org/{name}-aaaaaaaa.pth'
    return {'Name': name, 'In Collection': 'ERDA', 'Config': 'configs/a.py', 'Weights': [weights],
            'Files': {f'{name}-aaaaaaaa.pth': dict(SHA256=DIGEST, Size=10)}, **changes}


def metafile(folder, *entries):
    path = folder / 'metafile.yml'
    path.write_text(yaml.safe_dump(dict(Models=list(entries))))
    return path


def test_the_metafile_of_the_repository():
    read_metafile(find_metafile())
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert [ROOT / path for path in index['Import']] == [find_metafile()]


def test_no_metafile(tmp_path, monkeypatch):
    monkeypatch.setattr('erda.zoo.metafile.METAFILE', tmp_path / 'metafile.yml')
    with pytest.raises(CheckpointError, match='is missing: .*metafile.yml does not exist'):
        find_metafile()


def test_reading(tmp_path):
    results = [dict(Task='3D Semantic Segmentation', Dataset='streets', Metrics=dict(mIoU=40.1))]
    repository = entry('second', Weights='weights/second-aaaaaaaa.pth', Results=results)
    models = read_metafile(metafile(tmp_path, entry(), repository)).models
    assert list(models) == ['first', 'second']
    file, = models['first'].files
    assert file == ('https://example.org/first-aaaaaaaa.pth', DIGEST, 10)
    assert file.name == 'first-aaaaaaaa.pth' and file.is_remote
    file, = models['second'].files
    assert file.name == 'second-aaaaaaaa.pth' and not file.is_remote
    assert models['second'].results == dict(streets=dict(mIoU=40.1))


@pytest.mark.parametrize('changes, message', [
    (dict(Files={}), "lacks, or has wrong, 'first-aaaaaaaa.pth'"),
    (dict(Files={'first-aaaaaaaa.pth': dict(SHA256='abc', Size=10)}), 'SHA256 and Size of first-aaaaaaaa.pth'),
    (dict(Files={'first-aaaaaaaa.pth': dict(SHA256=DIGEST, Size='10')}), 'SHA256 and Size of first-aaaaaaaa.pth'),
    (dict(Weights='file:///etc/first-aaaaaaaa.pth'), 'not http'),
    (dict(Weights='/etc/first-aaaaaaaa.pth'), 'not a relative path'),
    (dict(Weights=[]), 'Weights of first'),
])
def test_incomplete_entries(tmp_path, changes, message):
    with pytest.raises(CheckpointError, match=f'metafile.yml is not a metafile: .*{message}'):
        read_metafile(metafile(tmp_path, entry(**changes)))


@pytest.mark.parametrize('text, message', [
    ('Models: [', 'is not YAML'), ('', 'is not a metafile'), ('Models: [3]', 'is not a metafile'),
    ('Collections: []', "lacks, or has wrong, 'Models'")])
def test_other_files(tmp_path, text, message):
    (tmp_path / 'metafile.yml').write_text(text)
    with pytest.raises(CheckpointError, match=message):
        read_metafile(tmp_path / 'metafile.yml')
    with pytest.raises(CheckpointError, match='nowhere.yml cannot be read'):
        read_metafile(tmp_path / 'nowhere.yml')


def test_unknown_and_repeated_names(tmp_path):
    with pytest.raises(CheckpointError, match='has no model second; it has first'):
        read_metafile(metafile(tmp_path, entry())).model('second')
    with pytest.raises(CheckpointError, match='has first twice'):
        read_metafile(metafile(tmp_path, entry(), entry()))


def test_entries_are_added_and_comments_stay(tmp_path):
    path = tmp_path / 'metafile.yml'
    path.write_text(f'{HEADER}Models: []\n')
    for name in ('first', 'second'):
        add_to_metafile(path, entry(name))
    assert path.read_text().startswith(f'{HEADER}Models:\n  - Name: first\n')
    assert yaml.safe_load(path.read_text())['Models'] == [entry('first'), entry('second')]
    with pytest.raises(CheckpointError, match='has a model first already'):
        add_to_metafile(path, entry('first'))


def test_a_metafile_of_another_form_stays_as_it_is(tmp_path):
    path = tmp_path / 'metafile.yml'
    text = 'Models: []\nCollections:\n  - Name: ERDA\n'
    path.write_text(text)
    with pytest.raises(CheckpointError, match='Models must be its last key'):
        add_to_metafile(path, entry())
    assert path.read_text() == text
