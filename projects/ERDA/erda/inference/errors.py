import traceback
from pathlib import Path

import torch

from ..files.data_error import DataError


class InferenceError(ValueError):
    """A file, config or checkpoint that cannot be used as asked; the message is for a person."""


def why_not_labelled(source: Path, error: Exception, max_points: int) -> str:
    """A sentence on what ended a file whose blocks had at most so many points."""
    if isinstance(error, (DataError, InferenceError)):
        return str(error)
    if isinstance(error, OSError):
        return f'{source}: {error}.'
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return f'{source}: a block does not fit into memory. Give a smaller --max-points than {max_points}.'
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (f'{source}: {type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno}). This is a '
            'fault of erda: please report it with the file.')
