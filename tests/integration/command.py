"""The commands as a user calls them."""
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tiny_scans import REPOSITORY

# Commands are forked from a process that has imported what all of them import and has done nothing else: that is most
# of the time of a short one. tests/integration/test_install.py starts them from nothing.
CONTEXT = multiprocessing.get_context('forkserver')
CONTEXT.set_forkserver_preload(['erda', 'mmdet3d.models', 'erda.command_line', 'erda.inference.label_file'])


def run(*command, cwd=REPOSITORY, **environment):
    """Run a Python file with arguments; the finished process with its output as text."""
    with tempfile.TemporaryDirectory() as folder:
        process = start(*command, outputs=folder, cwd=cwd, **environment)
        process.join()
        stdout, stderr = (Path(folder, name).read_text() for name in ('stdout', 'stderr'))
    return subprocess.CompletedProcess(command, process.exitcode, stdout, stderr)


def start(*command, outputs, cwd=REPOSITORY, terminal=None, **environment):
    """Start a Python file with arguments; the process, which writes stdout and stderr in a folder, or has a terminal.

    Args:
        command: file and arguments.
        outputs: folder.
        terminal: name of the device, such as that of a pseudo-terminal.
    """
    environment = dict(os.environ, OMP_NUM_THREADS='1', COLUMNS='200', **environment)
    paths = [os.path.join(outputs, name) for name in ('stdout', 'stderr')] if terminal is None else [terminal]
    command = [str(argument) for argument in command]
    process = CONTEXT.Process(target=_main, args=(command, str(cwd), environment, paths))
    process.start()
    return process


def _main(command, cwd, environment, outputs):
    """In the new process: what ``python COMMAND`` would do."""
    if len(outputs) == 1:
        os.setsid()  # so that the terminal becomes that of this process, which its Ctrl-C interrupts
        descriptor = os.open(*outputs, os.O_RDWR)
        for number in range(3):
            os.dup2(descriptor, number)
        sys.stdin = os.fdopen(0)
    else:
        for number, path in enumerate(outputs, start=1):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
            os.dup2(descriptor, number)
            os.close(descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, 'w'), os.fdopen(2, 'w', buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = command
    sys.path.insert(0, os.path.dirname(os.path.abspath(command[0])))
    runpy.run_path(command[0], run_name='__main__')
