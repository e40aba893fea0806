import pickle

import numpy as np
import pytest
import torch

from erda.weak_labels import BUDGETS, UNLABELED, Scan, scan_rng

K, VOID, SCENE = 3, 9, 'scene0000_00'
LABELS = np.array([0, 1, 2, VOID, 1, 0])


def write(path, lists, **options):
    if path.suffix == '.npz':
        np.savez(path, **lists)
    else:
        torch.save(lists, path, **options)
    return BUDGETS.build(dict(type='PointListBudget', file=str(path)))


def weaken(budget, scene=SCENE):
    return budget.weaken(LABELS, K, Scan(f'points/{scene}.bin', scan_rng('a', 0)))


@pytest.mark.parametrize('name, options', [
    ('points20', {}), ('points20.pth', {}), ('points20.npz', {}),
    ('points20.pth', dict(_use_new_zipfile_serialization=False)),  # torch 1.5, with which the official lists were made
])
@pytest.mark.parametrize('points', [np.array([5, 3, 1, 1]), np.array([5, 3, 1], dtype=np.int32), [1, 3, 5],
                                    torch.tensor([1, 5])])
def test_listed_points_are_labelled(tmp_path, name, options, points):
    budget = write(tmp_path / name, {SCENE: points, 'scene0001_00': []}, **options)
    assert weaken(budget).tolist() == [UNLABELED, 1, UNLABELED, VOID, UNLABELED, 0]
    assert weaken(budget, 'scene0001_00').tolist() == [UNLABELED] * 3 + [VOID] + [UNLABELED] * 2
    assert str(budget) == f'points of {name}'


@pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
def test_arrays_of_any_numpy(tmp_path, core):
    """A dictionary of arrays as NumPy 1 and NumPy 2 pickle it."""
    path = tmp_path / 'points20'
    torch.save({SCENE: np.array([1, 5])}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes().replace(b'numpy._core', b'numpy.core').replace(b'numpy.core', core)
    path.write_bytes(content)
    assert weaken(BUDGETS.build(dict(type='PointListBudget', file=str(path))))[[1, 5]].tolist() == [1, 0]


@pytest.mark.parametrize('points', [[0, 6], [-1, 2]])
def test_point_outside_the_scan(tmp_path, points):
    budget = write(tmp_path / 'points20', {SCENE: np.array(points)})
    with pytest.raises(ValueError, match=rf'points20 lists point (6|-1) of {SCENE}, which has 6 points'):
        weaken(budget)


def test_missing_scene(tmp_path):
    budget = write(tmp_path / 'points20', {SCENE: np.array([1])})
    with pytest.raises(ValueError, match='points20 lists no points of scene0707_00'):
        weaken(budget, 'scene0707_00')


def test_bad_files(tmp_path):
    def refused(path, message):
        with pytest.raises(ValueError, match=rf'{path.name}.*{message}'):
            BUDGETS.build(dict(type='PointListBudget', file=str(path)))

    path = tmp_path / 'points20'
    refused(path, 'does not exist')
    refused(tmp_path / 'a.npz', 'does not exist')
    for content in (b'', b'[1, 2]', b'PK\x03\x04 not a zip'):
        path.write_bytes(content)
        refused(path, 'is not a file of point lists')
        (tmp_path / 'a.npz').write_bytes(content)
        refused(tmp_path / 'a.npz', 'is not a file of point lists')
    torch.save([1, 2], path)
    refused(path, 'holds a list')
    torch.save({SCENE: np.array([0.5])}, path)
    refused(path, 'is not a file of point lists|not a list of point numbers')
    torch.save({SCENE: torch.tensor([[1], [2]])}, path)
    refused(path, 'not a list of point numbers')


class Evil:

    def __reduce__(self):
        return open, ('touched', 'w')


@pytest.mark.parametrize('dump', [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_code_in_a_file_does_not_run(tmp_path, monkeypatch, dump):
    monkeypatch.chdir(tmp_path)
    dump({SCENE: Evil()}, tmp_path / 'points20')
    with pytest.raises(ValueError, match='is not a file of point lists'):
        BUDGETS.build(dict(type='PointListBudget', file=str(tmp_path / 'points20')))
    assert not (tmp_path / 'touched').exists()


def test_what_was_allowed_in_checkpoints_stays_allowed(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    weaken(write(tmp_path / 'points.pth', {SCENE: np.array([1])}))
    assert set(torch.serialization.get_safe_globals()) == before
