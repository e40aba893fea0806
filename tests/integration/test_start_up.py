"""How commands begin: arguments are read before anything is imported that takes seconds."""
import ast
import runpy
import subprocess
import sys

import pytest
from tiny_scans import REPOSITORY

from erda.clouds import cloud_files, label_values
from erda.clouds.public_sets import public_sets
from erda.datasets import availability, nuscenes, semantickitti
from erda.inference.label_file import AS_PREDICTED
from erda.inference.stored_propagation import LAYOUT
from erda.labelling import shown_cloud
from erda.synthetic.lidar import FRAMES_PER_STREET
from erda.zoo import checkpoint_file

TOOLS = REPOSITORY / 'tools'
COMMANDS = sorted(TOOLS.rglob('*.py'))
HEAVY = {'erda.registration', 'torch', 'mmengine', 'numpy', 'rich'}


@pytest.mark.parametrize('path', COMMANDS, ids=lambda path: path.stem)
def test_help_and_wrong_arguments_import_nothing_heavy(path):
    for option, status, answer in (('--help', 0, f'usage: {path.name}'), ('--no-such-option', 2, 'error: ')):
        done = subprocess.run([sys.executable, '-X', 'importtime', path, option], text=True, capture_output=True)
        imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
        assert done.returncode == status and answer in done.stdout + done.stderr, done.stderr
        assert 'argparse' in imported and not imported & HEAVY


@pytest.mark.parametrize('path', COMMANDS, ids=lambda path: path.stem)
def test_commands_register_themselves(path):
    """The import of the package does not in a command."""
    imports = [alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)
               for alias in node.names]
    assert 'erda.registration' in imports


def test_only_commands_have_to():
    """Whoever imports the package in a program of their own, or names it in a config, need do no more."""
    script = 'import sys, erda; print("erda.registration" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', script], text=True, capture_output=True, check=True)
    assert done.stdout.split() == ['True']


def test_the_list_of_models_waits_for_nothing_heavy():
    done = subprocess.run([sys.executable, '-X', 'importtime', TOOLS / 'zoo.py', 'list'], text=True,
                          capture_output=True, check=True)
    imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
    assert 'erda://minkunet_aerial' in done.stdout and 'yaml' in imported
    assert not imported & {'erda.registration', 'torch', 'mmengine', 'numpy'}


def test_defaults_and_choices_are_those_of_the_package():
    infer, label, prepare, propagate, zoo = (
        runpy.run_path(str(TOOLS / f'{name}.py'))
        for name in ('infer', 'label', 'prepare_data', 'propagate_labels', 'zoo'))
    assert infer['PRIOR_EXPONENT'] == AS_PREDICTED.prior_exponent
    assert label['MAX_POINTS'] == shown_cloud.MAX_POINTS
    assert propagate['MAX_POINTS'] == LAYOUT.max_points
    assert zoo['SAFETENSORS'] == checkpoint_file.SAFETENSORS
    assert prepare['VAL_SEQUENCE'] == semantickitti.VAL_SEQUENCE
    assert prepare['NUSCENES'] == tuple(sorted(nuscenes.SPLITS)) and prepare['NUSCENES'][1] == nuscenes.TRAINVAL
    assert prepare['SUFFIXES'] == cloud_files.SUFFIXES
    assert prepare['PUBLIC_SETS'] == tuple(public_sets())
    assert prepare['CODES'] == (label_values.ASPRS, label_values.AS_THEY_ARE)
    assert prepare['LIDAR_ROOT'] == availability.SYNTHETIC_LIDAR.root
    assert prepare['ROOMS_ROOT'] == availability.SYNTHETIC_ROOMS.root
    assert prepare['FRAMES'] == FRAMES_PER_STREET
