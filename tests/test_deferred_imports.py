"""What a segmentor never uses is not imported with erda, and whoever needs it gets it."""
import subprocess
import sys

import pytest

from erda import deferred_imports as module

# In a process of its own: this one has imported more.
IMPORT_ERDA = """
import sys
import erda
print(*sorted({'matplotlib', 'pandas', 'sklearn', 'scipy.stats', 'spconv.algo'} & set(sys.modules)))
from mmdet.models.task_modules.tracking import interpolation
print(interpolation.GPR(interpolation.RBF(2.0)).kernel)
"""
LIBRARY = """
class Kernel:
    scale = 3
    def __init__(self, width):
        self.width = width
"""


def test_import_of_erda():
    done = subprocess.run([sys.executable, '-c', IMPORT_ERDA], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ['', 'RBF(length_scale=2)']


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch):
    """A package that is to be deferred."""
    package = tmp_path / 'slow_library'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / 'kernels.py').write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, 'LIBRARIES', ('slow_library', 'a_library_that_is_not_here'))
    yield
    for name in ('slow_library', 'slow_library.kernels'):
        sys.modules.pop(name, None)


def is_imported():
    return 'slow_library.kernels' in sys.modules


def test_a_name_is_imported_when_it_is_called():
    with module.libraries_on_first_use():
        import slow_library.kernels as kernels
        from slow_library.kernels import Kernel
    assert not is_imported()
    assert Kernel(2).width == 2 and is_imported()
    assert kernels.Kernel is sys.modules['slow_library.kernels'].Kernel and Kernel.scale == 3


def test_an_attribute_of_a_module_is_the_real_one_afterwards():
    with module.libraries_on_first_use():
        import slow_library.kernels
    assert not is_imported()
    assert slow_library.kernels.Kernel(2).width == 2


def test_a_name_that_is_used_at_once_is_the_real_one():
    with module.libraries_on_first_use():
        from slow_library.kernels import Kernel

        class Wider(Kernel):
            pass

        from slow_library.kernels import Kernel as RealKernel
    assert Wider(1).width == 1 and isinstance(Wider(1), Kernel)
    assert isinstance(RealKernel, type)


def test_after_the_context_imports_are_real():
    with module.libraries_on_first_use():
        import slow_library.kernels  # noqa: F401
    from slow_library.kernels import Kernel
    assert isinstance(Kernel, type)


def test_a_library_that_is_not_installed_is_still_missing():
    with module.libraries_on_first_use(), pytest.raises(ImportError):
        import a_library_that_is_not_here  # noqa: F401
