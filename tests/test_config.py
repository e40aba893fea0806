import pytest

from erda.config import ConfigError, load_config


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'small.py'
    path.write_text('a = dict(b=1, c=2)\n')
    return path


def test_settings_are_merged(config):
    cfg = load_config(str(config), cfg_options={'a.b': 3}, launcher='pytorch')
    assert cfg.a == dict(b=3, c=2) and cfg.launcher == 'pytorch' and cfg.work_dir == 'work_dirs/small'
    assert load_config(str(config), work_dir='elsewhere').work_dir == 'elsewhere'


@pytest.mark.parametrize('text', ['a = ', "_base_ = './none.py'"])
def test_bad_config(config, text):
    config.write_text(text)
    with pytest.raises(ConfigError, match='small.py'):
        load_config(str(config))
    with pytest.raises(ConfigError, match='nowhere.py'):
        load_config('nowhere.py')
