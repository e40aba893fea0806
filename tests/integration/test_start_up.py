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
HEAVY = {'erda', 'torch', 'mmengine', 'numpy', 'rich'}
SHARED = ('--cfg-options', '--launcher', '--local-rank', '--columns')


@pytest.mark.parametrize('path', COMMANDS, ids=lambda path: path.stem)
def test_help_and_wrong_arguments_import_nothing_heavy(path):
    for option, status, answer in (('--help', 0, f'usage: {path.name}'), ('--no-such-option', 2, 'error: ')):
        done = subprocess.run([sys.executable, '-X', 'importtime', path, option], text=True, capture_output=True)
        imported = {line.rpartition('|')[2].strip() for line in done.stderr.splitlines()}
        assert done.returncode == status and answer in done.stdout + done.stderr, done.stderr
        assert 'argparse' in imported and not imported & HEAVY


@pytest.mark.parametrize('path', COMMANDS, ids=lambda path: path.stem)
def test_commands_register_themselves(path):
    """For ``python -m erda.tools.NAME``, where the import of the package does not."""
    imports = [alias.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import)
               for alias in node.names]
    assert 'erda.registration' in imports


def test_shared_options_are_the_same_everywhere():
    found = {name: [] for name in SHARED}
    for path in COMMANDS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and getattr(node.args[0], 'value', None) in SHARED:
                found[node.args[0].value].append(ast.unparse([*node.args, *node.keywords]))
    assert all(len(uses) > 1 and len(set(uses)) == 1 for uses in found.values()), found


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
