"""Source distribution, wheel, and what an installed package does in an empty folder, without a checkout."""
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple, Set

import pytest
from tiny_scans import REPOSITORY, write_scan

BUILD = 'import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))'
NO_SOURCE = ('.*', '__pycache__', '*.egg-info', 'build', 'dist', 'data', 'site', 'work_dirs')
PROGRAM = """
import erda
from mmengine.config import Config
head = Config.fromfile('a.py').model.decode_head
print(erda.__file__, head.type, head.pseudo_labeler.type)
try:
    Config.fromfile('c.py')
except FileNotFoundError as error:
    print(error)
"""
TRAIN = ('-m', 'erda.tools.train', 'b.py', '--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2',
         'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False', 'val_dataloader.num_workers=0',
         'val_dataloader.persistent_workers=False')
COMMANDS = ('benchmark', 'infer', 'label', 'make_weak_labels', 'prepare_data', 'propagate_labels', 'suggest_points',
            'test', 'train', 'zoo')


class Distributions(NamedTuple):
    """Files of the checkout, the unpacked source distribution, wheels of both, and what setuptools said."""
    files: Set[str]
    sources: Path
    wheel: Path
    wheel_of_checkout: Path
    output: str


def call(folder, *arguments, **environment):
    """Output of a Python that must succeed; the development environment's PYTHONPATH is left out."""
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          env={**os.environ, 'PYTHONPATH': '', 'OMP_NUM_THREADS': '1', **environment})
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(source, kind, out):
    """A distribution and what setuptools says while it makes it; Python's warnings are errors."""
    output = call(source, '-W', 'error', '-c', BUILD, kind, out)
    return out / output.splitlines()[-1], output


@pytest.fixture(scope='module')
def distributions(tmp_path_factory):
    folder = tmp_path_factory.mktemp('install')
    checkout = folder / 'checkout'
    shutil.copytree(REPOSITORY, checkout, ignore=shutil.ignore_patterns(*NO_SOURCE))
    files = {str(path.relative_to(checkout)) for path in checkout.rglob('*') if path.is_file()}
    sdist, output = build(checkout, 'build_sdist', folder)
    wheel_of_checkout, more = build(checkout, 'build_wheel', folder / 'from_checkout')
    checked = dict(filter='data') if hasattr(tarfile, 'data_filter') else {}  # from Python 3.11.4 on
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, **checked)
    sources = folder / sdist.name[:-len('.tar.gz')]
    wheel, last = build(sources, 'build_wheel', folder / 'from_sources')
    return Distributions(files, sources, wheel, wheel_of_checkout, output + more + last)


def content(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_sources_are_those_of_the_checkout(distributions):
    def files(folder):
        return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}

    made = {file for file in files(distributions.sources) if file.startswith('build/') or '.egg-info/' in file}
    assert files(distributions.sources) - made == distributions.files | {'PKG-INFO'}
    assert not [line for line in distributions.output.lower().splitlines()
                if 'warning' in line and 'byte-compiling is disabled' not in line]


def test_wheel(distributions):
    names = content(distributions.wheel)
    assert names == content(distributions.wheel_of_checkout)
    assert {f'erda/tools/{command}.py' for command in COMMANDS} <= names.keys()
    assert {f'erda/.mim/{file}' for file in distributions.files if file.startswith('configs/')} <= names.keys()
    assert all(name.startswith(('erda/', 'erda_mmdet3d-')) and not name.endswith('.pyc') for name in names)


def test_help_of_installed_commands_imports_nothing_heavy(distributions, tmp_path):
    with zipfile.ZipFile(distributions.wheel) as archive:
        archive.extractall(tmp_path)
    for command in COMMANDS:
        output = call(tmp_path, '-X', 'importtime', '-m', f'erda.tools.{command}', '--help', PYTHONPATH=str(tmp_path))
        imported = {line.rpartition('|')[2].strip() for line in output.splitlines()}
        assert 'erda' in imported and 'torch' not in imported and f'usage: {command}.py' in output


def test_empty_folder(distributions, tmp_path):
    """Prepares and trains there, on configs that inherit from those of the installed package."""
    site, folder = tmp_path / 'site', tmp_path / 'empty'
    folder.mkdir()
    call(folder, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-index', '--no-compile', '--target', site,
         distributions.wheel)
    for sequence in ('00', '08'):
        write_scan(folder / 'data/semantickitti', sequence, 0)
    (folder / 'a.py').write_text("_base_ = 'erda::minkunet_erda_1pct.py'")
    (folder / 'b.py').write_text("_base_ = 'erda::minkunet/minkunet_sparse_1pct_mini.py'")
    (folder / 'c.py').write_text("_base_ = 'erda::no_such.py'")
    call(folder, '-m', 'erda.tools.prepare_data', 'semantickitti', PYTHONPATH=str(site))
    output = call(folder, '-c', PROGRAM, PYTHONPATH=str(site))
    assert f'{site}/erda/__init__.py ERDAMinkUNetHead PrototypePseudoLabeler' in output
    assert 'erda has no config no_such.py' in output
    call(folder, *TRAIN, PYTHONPATH=str(site))
    assert (folder / 'work_dirs/b/iter_2.pth').is_file()
