"""What the commands under ``tools`` share."""
import argparse
import os
import sys
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Sequence

from mmengine.config import Config, DictAction
from rich.console import Console
from rich.table import Table

from .command_start import stop
from .config import ConfigError, load_config
from .evaluation.comparison_table import as_markdown
from .hooks import cpu_has_bfloat16


@contextmanager
def stop_at_bad_settings(config: str) -> Iterator[None]:
    """End a command with a sentence where a setting of its config is not valid or does not exist.

    Args:
        config: file, to be named where the error does not.
    """
    try:
        yield
    except ConfigError as error:
        stop(str(error))
    except (KeyError, TypeError) as error:
        message = str(error.args[0]) if error.args else ''
        if 'unexpected keyword argument' in message:
            stop(f'{config}: {message}. Correct the name of this setting.')
        if ' registry. ' in message:  # mmengine's, for an unknown type
            stop(f'{config}: {message.partition(" registry. ")[0]} registry. Correct this type.')
        raise


def config_options(settings: Sequence[str]) -> Dict[str, Any]:
    """``--cfg-options`` with values as mmengine reads them.

    Args:
        settings: each ``KEY=VALUE``.
    """
    namespace = argparse.Namespace()
    DictAction(['--cfg-options'], 'settings')(argparse.ArgumentParser(), namespace, settings)
    return namespace.settings


def read_config(args: argparse.Namespace) -> Config:
    """The config of these arguments; a config that cannot be read ends the command."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.launcher == 'pytorch' and 'RANK' not in os.environ:
        stop('--launcher pytorch is for processes that torchrun starts: torchrun --nproc_per_node NUMBER '
             f'{sys.argv[0]} {args.config} --launcher pytorch')
    try:
        return load_config(args.config, args.work_dir, config_options(args.cfg_options), args.launcher)
    except ConfigError as error:
        stop(str(error))


def check_mixed_precision(device: str) -> None:
    """End a command that was asked for ``--amp`` where it would only be slower.

    Args:
        device: where it computes, such as ``'cuda:1'`` or ``'cpu'``.
    """
    if device.startswith('cpu') and not cpu_has_bfloat16():
        stop('--amp needs a GPU or a processor that computes in bfloat16: without one it would only be slower.')


def print_table(rows: Sequence[Sequence[str]], title: str, markdown: bool = False) -> None:
    """Print rows, the names of the columns first, as wide as they are; with ``markdown`` as Markdown, too."""
    header, *body = rows
    table = Table(title=title)
    for name in header:
        table.add_column(name, justify='left' if name == 'config' else 'right')
    for row in body:
        table.add_row(*row)
    console = Console()
    console.width = max(console.width, 110)  # rather than cut off names
    console.print(table)
    if markdown:
        print(as_markdown(rows))
