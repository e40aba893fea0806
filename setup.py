"""Puts what stands around the package in a checkout into it: commands into erda/tools, the rest into erda/.mim."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# mim and erda.own_configs and erda.zoo look there.
MIM = ('model-index.yml', 'configs', 'projects/ERDA/metafile.yml', 'projects/ERDA/README.md', 'projects/ERDA/configs',
       'projects/ERDA/benchmarks', 'projects/ERDA/weights')


class BuildWithSurroundings(build_py):
    """A wheel has them; an editable installation finds them in the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib, 'erda')
        for source, target in (('tools', package / 'tools'), *((name, package / '.mim' / name) for name in MIM)):
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(source).is_dir():
                shutil.rmtree(target, ignore_errors=True)  # an earlier build may have had more files
                shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__'))
            elif Path(source).is_file():
                shutil.copy(source, target)


setup(cmdclass=dict(build_py=BuildWithSurroundings))
