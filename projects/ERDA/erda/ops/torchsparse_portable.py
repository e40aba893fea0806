"""A stand-in for ``torchsparse``, the compiled library that mmdet3d's SPVCNN and MinkUNet import."""
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

from . import torchsparse_conv as conv
from . import torchsparse_points as points
from . import torchsparse_tensors as tensors

TENSORS = (tensors.SparseTensor, tensors.PointTensor)
# Module -> its portable contents: what mmdet3d 1.4.0 imports, and the functions that this is made of.
PORTABLE_MODULES = {
    'torchsparse': (*TENSORS, tensors.cat),
    'torchsparse.tensor': TENSORS,
    'torchsparse.utils': (tensors.make_ntuple, ),
    'torchsparse.nn': (conv.Conv3d, conv.BatchNorm, conv.GroupNorm, conv.ReLU, conv.LeakyReLU),
    'torchsparse.nn.functional': (conv.conv3d, conv.spdownsample, points.sphash, points.sphashquery, points.spcount,
                                  points.spvoxelize, points.spdevoxelize, points.calc_ti_weights),
    'torchsparse.nn.utils': (tensors.fapply, conv.get_kernel_offsets),
}


def install_torchsparse() -> bool:
    """Make ``import torchsparse`` work where it is not installed; call it before mmdet3d's models are imported.

    mmdet3d looks for torchsparse once, on that import. An installed torchsparse stays as it is.

    Returns: True if the stand-in is in place (calling twice changes nothing).
    """
    if 'torchsparse' in sys.modules:
        return isinstance(sys.modules['torchsparse'], PortableModule)
    if importlib.util.find_spec('torchsparse') is not None:
        return False
    for name, contents in PORTABLE_MODULES.items():
        sys.modules[name] = PortableModule(name, contents)
        parent, _, child = name.rpartition('.')
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    vars(sys.modules['torchsparse'])['__version__'] = '1.4.0'
    return True


class PortableModule(types.ModuleType):
    """Module of portable classes and functions that says what to install for any other."""

    def __init__(self, name: str, contents: tuple) -> None:
        super().__init__(name, 'Portable version of erda.ops in place of compiled torchsparse.')
        self.__dict__.update({item.__name__: item for item in contents})
        # Lets importlib.util.find_spec see a normal package.
        self.__spec__ = importlib.machinery.ModuleSpec(name, loader=None, is_package=True)
        self.__path__ = []
        self.__file__ = __file__  # Where `from torchsparse... import` points to for a name that is not there.

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):  # inspect and pickle look for dunders.
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')
        raise AttributeError(
            f'{self.__name__}.{name} has no portable version in erda.ops and needs a compiled torchsparse: '
            '`pip install git+https://github.com/mit-han-lab/torchsparse.git@v1.4.0` builds it')
