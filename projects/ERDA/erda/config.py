"""Reads a config the way all commands do."""
import os.path as osp
from pathlib import Path
from typing import Optional, Sequence

from mmengine.config import Config

from .own_configs import PREFIX, find_own_config

# What a config does with each variable that a fragment may have.
FRAGMENT_VARIABLES = dict(
    method_head='model = dict(decode_head=_base_.method_head)',
    method_hooks='custom_hooks = _base_.custom_hooks + _base_.method_hooks',
    method_dataset='**_base_.method_dataset',
    mixed_pipeline='dataset=dict(pipeline=_base_.mixed_pipeline)')
OF_DATASET = ('method_dataset', 'mixed_pipeline')  # arguments of train_dataloader.dataset, which is assigned once


class ConfigError(ValueError):
    """A config that cannot be read, or a setting that is not valid; the message is for a person."""


def load_config(path: str,
                work_dir: Optional[str] = None,
                cfg_options: Optional[dict] = None,
                launcher: str = 'none') -> Config:
    """A config with the command line's settings merged in.

    Args:
        path: config file, or ``erda::NAME`` for one of this package.
        work_dir: folder for logs and checkpoints; the config's own, or else ``work_dirs/NAME``, if ``None``.
        cfg_options: settings that override the config.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Raises:
        ConfigError: if the file or one of its bases does not exist or is not Python, or a setting has no place in it.
    """
    cfg = _read(path)
    cfg.launcher = launcher
    try:
        cfg.merge_from_dict(cfg_options or {})
    except (KeyError, TypeError, AttributeError) as error:  # a number behind the end of a list, a value in a value
        settings = ' '.join(f'{key}={value}' for key, value in (cfg_options or {}).items())
        raise ConfigError(f'{path} has no place for {settings}: {_reason(error)}') from error
    if work_dir:
        cfg.work_dir = work_dir
    elif not cfg.get('work_dir'):
        cfg.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(path))[0])
    return cfg


def with_fragments(path: Path, fragments: Sequence[Path]) -> Config:
    """A config that inherits another one and fragments of ``configs/_base_``, as a user's own file would.

    Args:
        path: config file.
        fragments: files that have one of the variables :data:`FRAGMENT_VARIABLES` or more.

    Raises:
        ConfigError: if a file cannot be read, or has none of them.
    """
    lines = [f'_base_ = {[str(base.resolve()) for base in (path, *fragments)]}']
    of_dataset = []
    for fragment in fragments:
        variables = _read(str(fragment))
        if not (known := [name for name in FRAGMENT_VARIABLES if name in variables]):
            raise ConfigError(f'{fragment} is no fragment: it has none of {", ".join(FRAGMENT_VARIABLES)}.')
        of_dataset += [FRAGMENT_VARIABLES[name] for name in known if name in OF_DATASET]
        lines += [FRAGMENT_VARIABLES[name] for name in known if name not in OF_DATASET]
    if of_dataset:
        lines.append(f'train_dataloader = dict(dataset=dict({", ".join(of_dataset)}))')
    try:
        return Config.fromstring('\n'.join(lines), '.py')
    except (OSError, SyntaxError, KeyError) as error:
        raise ConfigError(f'{path} does not go together with {", ".join(map(str, fragments))}: {error}') from error


def _read(path: str) -> Config:
    try:
        return Config.fromfile(find_own_config(path) if path.startswith(PREFIX) else path)
    except Exception as error:  # a config is Python and may raise anything
        raise ConfigError(f'Cannot read the config {path}: {_reason(error)}') from error


def _reason(error: Exception) -> str:
    """The message; the name of the error too, where that alone is no sentence."""
    if isinstance(error, (OSError, SyntaxError, ValueError)):
        return str(error)
    return f'{type(error).__name__}: {error.args[0] if error.args else ""}'
