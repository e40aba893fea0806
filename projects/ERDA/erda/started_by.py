"""Which program has imported the package."""
import sys
from pathlib import Path

from .own_configs import PACKAGE, ROOT

TOOLS = (PACKAGE / 'tools', ROOT / 'tools')  # of an installed package, and of a checkout


def is_command() -> bool:
    """Whether this process runs one of our commands, ``python tools/NAME.py`` or ``python -m erda.tools.NAME``."""
    program = sys.argv[0] if sys.argv else ''
    if program == '-m':  # as long as Python looks for the module
        return any(word.startswith('erda.tools.') for word in sys.orig_argv)
    return any(folder in Path(program).resolve().parents for folder in TOOLS)
