import argparse

import pytest

from erda.command_start import add_columns, add_config, add_run, stop


def parsed(*words):
    parser = argparse.ArgumentParser()
    for add in (add_config, add_run, add_columns):
        add(parser)
    return parser.parse_args(words)


def test_settings_may_come_in_several_parts():
    args = parsed('a.py', '--cfg-options', 'x=1', 'y=a=b', '--columns', 'x,y,z', '--cfg-options', 'z=2')
    assert args.config == 'a.py' and args.cfg_options == ['x=1', 'y=a=b', 'z=2'] and args.columns == ['x', 'y', 'z']
    assert (args.work_dir, args.launcher, args.local_rank) == (None, 'none', 0)


def test_a_setting_without_a_value_is_refused(capsys):
    with pytest.raises(SystemExit) as error:
        parsed('a.py', '--cfg-options', 'x=1', 'y')
    assert error.value.code == 2 and "'y' is not KEY=VALUE" in capsys.readouterr().err


def test_stop(capsys):
    with pytest.raises(SystemExit) as error:
        stop('There is no config.')
    assert error.value.code == 2 and capsys.readouterr().err == 'There is no config.\n'
