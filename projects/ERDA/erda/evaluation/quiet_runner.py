import logging
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner

# How messages begin that would bury the warnings that count: hundreds of lines, or of what no user can change.
LOG_FILE_ONLY = (
    'Config:', 'Hooks will be executed', f'\n{"-" * 60}\nSystem environment:', 'The prefix is not set in metric class',
    '"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


class QuietRunner(Runner):
    """mmengine's ``Runner``, whose config, environment and list of hooks go to the log file and not to the terminal."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """The logger of a run, with a filter before the terminal."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_for_terminal)
        return logger


def _is_for_terminal(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(LOG_FILE_ONLY)
