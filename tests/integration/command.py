"""The commands as a user calls them."""
import os
import subprocess
import sys

from tiny_scans import REPOSITORY


def run(*command, cwd=REPOSITORY):
    """Run a Python file with arguments; the finished process with its output as text."""
    environment = dict(os.environ, OMP_NUM_THREADS='1', COLUMNS='200')
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
