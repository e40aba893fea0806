"""What commands need before they import what takes seconds: arguments that they share, and an end with a sentence."""
import argparse
import sys
from typing import NoReturn


def stop(message: str) -> NoReturn:
    """End a command that cannot run as asked: the message on stderr, exit status 2."""
    print(message, file=sys.stderr)
    sys.exit(2)


def add_config(parser: argparse.ArgumentParser) -> None:
    """A config file, and settings that override it."""
    parser.add_argument('config', help='config file')
    parser.add_argument('--cfg-options', nargs='+', action='extend', type=_setting, default=[], metavar='KEY=VALUE',
                        help='override settings of the config')


def add_run(parser: argparse.ArgumentParser) -> None:
    """What mmengine's runner is told beside its config."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; work_dirs/CONFIG by default')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help='set by the launcher')


def add_columns(parser: argparse.ArgumentParser) -> None:
    """What the columns of files are that do not say so."""
    parser.add_argument('--columns', type=lambda names: names.split(','), metavar='NAME,NAME,...',
                        help='columns of .bin files, such as x,y,z,intensity,ring (default: found from the numbers)')


def _setting(text: str) -> str:
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'{text!r} is not KEY=VALUE')
    return text
