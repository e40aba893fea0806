"""Reads a config the way all commands do."""
import os.path as osp
from typing import Optional

from mmengine.config import Config

from .own_configs import PREFIX, find_own_config


class ConfigError(ValueError):
    """A config that cannot be read; the message is for a person."""


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
        ConfigError: if the file or one of its bases does not exist or is not Python.
    """
    try:
        cfg = Config.fromfile(find_own_config(path) if path.startswith(PREFIX) else path)
    except (OSError, SyntaxError) as error:
        raise ConfigError(f'Cannot read the config {path}: {error}') from error
    cfg.launcher = launcher
    if cfg_options:
        cfg.merge_from_dict(cfg_options)
    if work_dir:
        cfg.work_dir = work_dir
    elif not cfg.get('work_dir'):
        cfg.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(path))[0])
    return cfg
