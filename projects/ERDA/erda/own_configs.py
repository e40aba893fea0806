"""Where the configs of this package are, in a checkout and when it is installed."""
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# setup.py copies into .mim what stands around the package in a checkout.
ROOT = PACKAGE / '.mim' if (PACKAGE / '.mim').is_dir() else PACKAGE.parents[2]
PREFIX = 'erda::'
FOLDERS = (ROOT / 'projects/ERDA/configs', ROOT / 'configs')


def find_own_config(name: str) -> str:
    """Path of a config of this package.

    Args:
        name: below ``projects/ERDA/configs`` or ``configs``, such as ``'erda::minkunet/minkunet_sparse_1pct.py'``,
            with or without the prefix.

    Raises:
        FileNotFoundError: if there is none.
    """
    name = name.removeprefix(PREFIX)
    for folder in FOLDERS:
        if (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(f'erda has no config {name}; looked in {" and ".join(map(str, FOLDERS))}')
