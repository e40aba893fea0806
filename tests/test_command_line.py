import argparse

import pytest
from mmdet3d.registry import DATASETS

from erda.command_line import add_runner_arguments, print_table, read_config, stop_at_bad_settings


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_runner_arguments(parser)
    return parser.parse_args(arguments)


def test_settings_reach_the_config(tmp_path):
    (tmp_path / 'small.py').write_text('a = dict(b=1)\n')
    args = parse(str(tmp_path / 'small.py'), '--work-dir', 'w', '--cfg-options', 'a.b=2', '--launcher', 'mpi')
    cfg = read_config(args)
    assert cfg.a.b == 2 and cfg.work_dir == 'w' and cfg.launcher == 'mpi'


def test_unreadable_config_is_a_message(capsys):
    with pytest.raises(SystemExit) as error:
        read_config(parse('nowhere.py'))
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
