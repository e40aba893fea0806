import pytest

from erda.config import load_config
from erda.own_configs import ROOT, find_own_config


@pytest.mark.parametrize('name, path', [
    ('minkunet_erda_1pct.py', 'projects/ERDA/configs/minkunet_erda_1pct.py'),
    ('minkunet/minkunet_sparse_1pct_mini.py', 'configs/minkunet/minkunet_sparse_1pct_mini.py'),
])
def test_both_folders(name, path):
    assert find_own_config(name) == str(ROOT / path)
    assert load_config(f'erda::{name}').filename == str(ROOT / path)


def test_unknown_config():
    with pytest.raises(FileNotFoundError, match='erda has no config nothing.py; looked in .*configs'):
        find_own_config('nothing.py')
