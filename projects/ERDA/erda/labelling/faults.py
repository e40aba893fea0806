"""What went wrong, in a sentence to a person."""
import logging
import traceback
from pathlib import Path

from ..config import ConfigError
from ..files.data_error import DataError
from ..inference.errors import InferenceError


def fault_sentence(error: Exception, table: Path) -> str:
    """The sentence; of a fault of this program also its traceback, in the log.

    Args:
        error: raised by something that the page has done.
        table: which the page writes.
    """
    if isinstance(error, (ConfigError, DataError, InferenceError)):
        return str(error)
    if isinstance(error, OSError):
        return f'{error.filename or table} cannot be written: {error.strerror}. Nothing was changed.'
    logging.getLogger(__name__).error(''.join(traceback.format_exception(error)))
    return f'{type(error).__name__}: {error}. This is a fault of erda: please report it.'
