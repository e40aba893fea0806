import json

import pytest

from erda.files.generated_files import claim_folder, run_in_processes
from erda.files.whole_file import write_whole

MANIFEST = 'made.json'


def claim(root, foreign=False, **parameters):
    claim_folder(root, MANIFEST, parameters, lambda folder: foreign)


def test_a_free_folder_remembers_its_parameters(tmp_path):
    claim(tmp_path / 'a/b', seed=3, angles=(1.5, 2))
    assert json.loads((tmp_path / 'a/b' / MANIFEST).read_text()) == {'seed': 3, 'angles': [1.5, 2]}
    claim(tmp_path / 'a/b', seed=3, angles=(1.5, 2))


def test_other_parameters_are_named(tmp_path):
    claim(tmp_path, seed=3)
    with pytest.raises(ValueError, match=r'beams is None there, 8 asked; seed is 3 there, 4 asked'):
        claim(tmp_path, seed=4, beams=8)


def test_data_of_others_are_left_alone(tmp_path):
    with pytest.raises(ValueError, match='not made here'):
        claim(tmp_path, foreign=True)
    assert not (tmp_path / MANIFEST).exists()


def test_a_broken_manifest_is_named(tmp_path):
    (tmp_path / MANIFEST).write_text('{')
    with pytest.raises(ValueError, match=f'{MANIFEST} is not readable'):
        claim(tmp_path)


def write_number(folder, number):
    if number == 13:
        raise RuntimeError('thirteen')
    write_whole(folder / str(number), str(number).encode())


@pytest.mark.parametrize('workers', [1, 2])
def test_every_call_is_made(tmp_path, workers):
    run_in_processes(write_number, [(tmp_path, number) for number in range(5)], workers, 'numbers', progress=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {str(n): str(n) for n in range(5)}
    run_in_processes(write_number, [], workers, 'nothing', progress=False)


def test_an_error_in_a_worker_is_raised(tmp_path):
    with pytest.raises(RuntimeError, match='thirteen'):
        run_in_processes(write_number, [(tmp_path, 13)], 1, 'numbers', progress=False)
