"""Versions of what results depend on."""
import platform
from importlib import metadata
from typing import Dict

PACKAGES = ('erda-mmdet3d', 'torch', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'mmdet3d', 'numpy', 'spconv',
            'spconv-cu120', 'torchsparse')


def package_versions() -> Dict[str, str]:
    """Version by name of Python and the packages that are installed."""
    versions = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
