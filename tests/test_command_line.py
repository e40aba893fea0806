from argparse import Namespace

import pytest
from mmdet3d.registry import DATASETS

from erda.command_line import (
    check_mixed_precision,
    config_options,
    print_table,
    read_config,
    stop_at_bad_settings,
)


def arguments(config, work_dir=None, cfg_options=(), launcher='none'):
    return Namespace(config=config, work_dir=work_dir, cfg_options=cfg_options, launcher=launcher, local_rank=0)


def test_settings_reach_the_config(tmp_path):
    (tmp_path / 'small.py').write_text('a = dict(b=1)\n')
    cfg = read_config(arguments(str(tmp_path / 'small.py'), 'w', ['a.b=2'], 'mpi'))
    assert cfg.a.b == 2 and cfg.work_dir == 'w' and cfg.launcher == 'mpi'


def test_options_are_read_as_in_a_config():
    assert config_options(['a.b=2', 'c=[1,x]', 'd=e=f']) == {'a.b': 2, 'c': [1, 'x'], 'd': 'e=f'}
    assert config_options([]) == {}


def test_unreadable_config_is_a_message(capsys):
    with pytest.raises(SystemExit) as error:
        read_config(arguments('nowhere.py'))
    assert error.value.code == 2 and 'nowhere.py' in capsys.readouterr().err


def test_a_table_has_all_of_its_names(capsys):
    config = 'minkunet_erda_with_a_name_of_more_than_forty_letters'
    print_table([('config', 'ms'), (config, '12'), ('other', '3')], 'title', markdown=True)
    shown = capsys.readouterr().out
    assert shown.count(config) == 2 and f'| {config} | 12 |' in shown


@pytest.mark.parametrize('dataset, message', [
    (dict(type='WeakLabelDatset'), 'a.py: WeakLabelDatset is not in the mmdet3d::dataset registry. Correct this type.'),
    (dict(type='WeakLabelDataset', dataset=dict(), bugdet=1), "argument 'bugdet'. Correct the name of this setting."),
    (dict(type='WeakLabelDataset', dataset=dict(type='S3DISSegDataset')), 'WeakLabelDataset needs budget=dict(type='),
])
def test_bad_settings_are_sentences(dataset, message, capsys):
    with pytest.raises(SystemExit) as error, stop_at_bad_settings('a.py'):
        DATASETS.build(dataset)
    assert error.value.code == 2 and message in capsys.readouterr().err


def test_other_errors_keep_their_traceback():
    with pytest.raises(KeyError), stop_at_bad_settings('a.py'):
        dict()['none']


def test_mixed_precision_is_refused_where_it_would_be_slower(monkeypatch, capsys):
    monkeypatch.setattr('erda.command_line.cpu_has_bfloat16', lambda: False)
    check_mixed_precision('cuda:1')
    with pytest.raises(SystemExit) as error:
        check_mixed_precision('cpu')
    assert error.value.code == 2 and 'needs a GPU or a processor that computes in bfloat16' in capsys.readouterr().err
    monkeypatch.setattr('erda.command_line.cpu_has_bfloat16', lambda: True)
    check_mixed_precision('cpu')
