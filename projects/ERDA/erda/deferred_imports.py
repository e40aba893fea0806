"""Libraries that mmdet and mmdet3d import for tracking, box metrics and plots, imported when something uses them.

Until mmdet and mmdet3d do so themselves; 3.3.0 and 1.4.0 import them at the top of modules that every segmentor needs.
"""
import importlib
import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Iterator, List, Optional, Tuple

LIBRARIES = ('matplotlib', 'pandas', 'sklearn')


@contextmanager
def libraries_on_first_use() -> Iterator[None]:
    """Inside the context, modules of :data:`LIBRARIES` that are not imported yet are stand-ins.

    A stand-in imports the real module when an attribute of it is used, inside the context or later. Whoever imports one
    after the context gets the real module.
    """
    finder = _Finder([name for name in LIBRARIES if name not in sys.modules and PathFinder.find_spec(name)])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.end()


class _Finder(MetaPathFinder, Loader):

    def __init__(self, libraries: List[str]) -> None:
        self.libraries = libraries

    def find_spec(self, fullname: str, *args: Any) -> Optional[ModuleSpec]:
        return ModuleSpec(fullname, self, is_package=True) if fullname.partition('.')[0] in self.libraries else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _DeferredModule(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        pass

    def end(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            for name in [name for name, module in sys.modules.items() if isinstance(module, _DeferredModule)]:
                del sys.modules[name]


class _DeferredModule(ModuleType):

    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name)
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):  # what the import system looks for
            raise AttributeError(name)
        found = _Deferred(self._finder, self.__name__, name)
        return found if self._finder in sys.meta_path else found._real()


class _Deferred:
    """A class or function of a deferred module, which others may call, inherit from or compare with."""

    def __init__(self, finder: _Finder, module: str, name: str) -> None:
        self._finder, self._module, self._name = finder, module, name

    def _real(self) -> Any:
        self._finder.end()  # used during the import already: nothing is gained any more
        return getattr(importlib.import_module(self._module), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __mro_entries__(self, bases: Tuple[Any, ...]) -> Tuple[Any, ...]:
        return self._real(),

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._real())
