"""How long a config trains: every number that says so, changed and compared together."""
from typing import Any, Dict, Iterator, List, Optional, Tuple

from mmengine.config import Config

from .config import ConfigError

# What a schedule of mmengine counts in steps or epochs.
LENGTHS = ('begin', 'end', 'total_steps', 'total_iters', 'T_max', 'step_size', 'milestones')


def set_length(cfg: Config, length: int, unit: str = 'steps') -> None:
    """Let a config train for so many steps or epochs, with its schedules stretched or shortened to match.

    Args:
        cfg: is changed: ``train_cfg``, ``param_scheduler``, and ``max_iters`` or ``max_epochs`` where it names them.
        length: at least 1.
        unit: ``'steps'`` or ``'epochs'``, whichever the config counts.

    Raises:
        ConfigError: if the config counts the other unit.
    """
    own_unit, key, before = training_length(cfg)
    if own_unit != unit:
        raise ConfigError(f'This config counts {own_unit}, {before} of them: give --{own_unit} in the place of '
                          f'--{unit}.')
    cfg.train_cfg[key] = length
    interval = cfg.train_cfg.get('val_interval', 1)
    cfg.train_cfg.val_interval = length if interval >= before else min(interval, length)
    if key in cfg:
        cfg[key] = length
    for _, schedule in _schedules(cfg, unit):
        for name in LENGTHS:
            if name in schedule:
                schedule[name] = _scaled(schedule[name], length, before)
        if 'begin' in schedule and 'end' in schedule:
            schedule['end'] = max(schedule['end'], schedule['begin'] + 1)


def check_length(cfg: Config) -> Optional[str]:
    """Compare the length of a training with its one-cycle schedules, which end with an error.

    Returns: a warning, if a schedule is longer than the training and so does not come to its end.

    Raises:
        ConfigError: if a schedule is shorter than the training, or one that mmengine cannot divide.
    """
    unit, key, length = training_length(cfg)
    for place, schedule in _schedules(cfg, unit):
        total = schedule.get('total_steps')
        if total is None or not str(schedule['type']).startswith('OneCycle'):
            continue
        if schedule.get('pct_start', 0.3) * total == 1:  # mmengine 0.10.7 divides by the length of the rise less one
            raise ConfigError(f'The learning rate cannot rise within one step ({place}.total_steps {total}, pct_start '
                              f'{schedule["pct_start"]}). Give --{unit} {total + 1}.')
        if total < length:
            raise ConfigError(f'The schedule of the learning rate is {total} {unit} long ({place}.total_steps), the '
                              f'training {length} (train_cfg.{key}). --{unit} {length} sets both.')
        if total > length:
            return (f'The schedule of the learning rate is {total} {unit} long ({place}.total_steps), the training '
                    f'{length} (train_cfg.{key}): the learning rate is still high at its end. --{unit} {length} sets '
                    'both.')
    return None


def training_length(cfg: Config) -> Tuple[str, str, int]:
    """``'steps'`` or ``'epochs'``, the key in ``train_cfg`` and how many.

    Raises:
        ConfigError: if ``train_cfg`` has neither.
    """
    train_cfg: Dict[str, Any] = cfg.get('train_cfg') or {}
    for unit, key in (('steps', 'max_iters'), ('epochs', 'max_epochs')):
        if train_cfg.get(key) is not None:
            return unit, key, train_cfg[key]
    raise ConfigError('This config does not say how long to train: train_cfg has neither max_iters nor max_epochs.')


def _schedules(cfg: Config, unit: str) -> Iterator[Tuple[str, dict]]:
    """Where each schedule is that counts this unit, and its config."""
    schedules: Any = cfg.get('param_scheduler') or []
    named: List[Tuple[str, dict]] = [('param_scheduler', schedules)] if 'type' in schedules else [
        (f'param_scheduler.{i}', schedule) for i, schedule in enumerate(schedules) if isinstance(schedule, dict)]
    for place, schedule in named:
        if schedule.get('by_epoch', True) == (unit == 'epochs'):
            yield place, schedule


def _scaled(value: Any, length: int, before: int) -> Any:
    if isinstance(value, (list, tuple)):
        return [_scaled(inner, length, before) for inner in value]
    return max(round(value * length / before), 1) if value else value
