import argparse

import pytest

from erda.command_line import add_runner_arguments, print_table, read_config


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
