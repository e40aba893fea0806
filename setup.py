"""Puts configs, the list of models and weights that are in the repository where mim and erda.zoo look: erda/.mim."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MIM = ('model-index.yml', 'configs', 'projects/ERDA/metafile.yml', 'projects/ERDA/README.md', 'projects/ERDA/configs',
       'projects/ERDA/weights')


class BuildWithModels(build_py):
    """A wheel has them; an editable installation finds them in the checkout."""

    def run(self) -> None:
        super().run()
        for name in () if self.editable_mode else MIM:
            target = Path(self.build_lib, 'erda', '.mim', name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(name).is_dir():
                shutil.copytree(name, target, dirs_exist_ok=True)
            elif Path(name).is_file():
                shutil.copy(name, target)


setup(cmdclass=dict(build_py=BuildWithModels))
