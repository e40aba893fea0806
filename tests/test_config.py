import pytest

from erda.config import ConfigError, load_config, with_fragments


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


@pytest.mark.parametrize('text, reason', [("a = {}['none']", 'KeyError: none'),
                                          ("raise ValueError('tiles/a.las: no class.')", 'tiles/a.las: no class.')])
def test_what_a_config_raises_is_a_reason(config, text, reason):
    config.write_text(text)
    with pytest.raises(ConfigError, match=f'Cannot read the config .*small.py: {reason}'):
        load_config(str(config))


def test_a_setting_without_a_place(config):
    config.write_text('a = [dict(b=1)]\n')
    with pytest.raises(ConfigError, match='small.py has no place for a.4.b=2: KeyError: Index 4 exceeds'):
        load_config(str(config), cfg_options={'a.4.b': 2})


@pytest.fixture
def base(tmp_path):
    path = tmp_path / 'base.py'
    path.write_text("""model = dict(decode_head=dict(type='A', labeler=dict(type='B', scale=1)))
custom_hooks = [dict(type='First')]
train_dataloader = dict(dataset=dict(dataset=dict(type='Scans', pipeline=[dict(type='Load'), dict(type='Mix')])))
""")
    return path


def test_fragments_change_what_they_name_and_nothing_else(base, tmp_path):
    method, mixing = tmp_path / 'method.py', tmp_path / 'mixing.py'
    method.write_text("method_head = dict(labeler=dict(_delete_=True, type='C'))\n"
                      "method_hooks = [dict(type='Second')]\n")
    mixing.write_text("mixed_pipeline = [dict(type='Load')]\n")
    cfg = with_fragments(base, [method, mixing])
    assert cfg.model == dict(decode_head=dict(type='A', labeler=dict(type='C')))
    assert cfg.custom_hooks == [dict(type='First'), dict(type='Second')]
    assert cfg.train_dataloader.dataset.dataset == dict(type='Scans', pipeline=[dict(type='Load')])
    plain = load_config(str(base))
    assert with_fragments(base, [mixing]).model == plain.model
    assert with_fragments(base, [method]).train_dataloader == plain.train_dataloader


def test_what_is_no_fragment(base, tmp_path):
    other = tmp_path / 'other.py'
    other.write_text('train_cfg = dict(max_iters=1)\n')
    with pytest.raises(ConfigError, match='other.py is no fragment: it has none of method_head, method_hooks'):
        with_fragments(base, [other])
    with pytest.raises(ConfigError, match='base.py does not go together with .*base.py: .*Duplicate key'):
        base.write_text(base.read_text() + 'mixed_pipeline = []\n')
        with_fragments(base, [base])
    with pytest.raises(ConfigError, match='none.py'):
        with_fragments(base, [tmp_path / 'none.py'])
