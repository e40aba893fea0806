"""What a result was made with."""
import platform
import subprocess
from pathlib import Path

import torch


def git_revision(root: Path) -> str:
    """Commit of a folder, with ``-dirty`` behind it if tracked files have been changed."""
    command = ['git', 'describe', '--always', '--abbrev=12', '--exclude=*', '--dirty']
    try:
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def device_name() -> str:
    """Of the first GPU, or else of the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()
