import sys

import pytest
from tiny_scans import REPOSITORY

from erda.own_configs import PACKAGE
from erda.started_by import is_command


@pytest.mark.parametrize('argv, orig_argv, expected', [
    ([str(REPOSITORY / 'tools/train.py'), 'a.py'], [], True),
    ([str(REPOSITORY / 'tools/analysis_tools/benchmark_step.py')], [], True),
    ([str(PACKAGE / 'tools/train.py')], [], True),
    (['-m', 'a.py'], ['python', '-m', 'erda.tools.train', 'a.py'], True),
    (['-m'], ['python', '-m', 'pytest'], False),
    ([str(REPOSITORY / 'my_tools/train.py')], [], False),
    (['train.py'], [], False),
    (['-c'], [], False), ([''], [], False), ([], [], False),
])
def test_commands_are_told_from_other_programs(argv, orig_argv, expected, monkeypatch):
    monkeypatch.setattr(sys, 'argv', argv)
    monkeypatch.setattr(sys, 'orig_argv', orig_argv)
    assert is_command() is expected


def test_a_command_that_is_named_from_its_own_folder(monkeypatch):
    monkeypatch.chdir(REPOSITORY / 'tools')
    monkeypatch.setattr(sys, 'argv', ['train.py'])
    assert is_command()
