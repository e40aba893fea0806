from pathlib import Path

import pytest
import torch

from erda.clouds.cloud_files import PointCloudError
from erda.inference.errors import InferenceError, why_not_labelled


@pytest.mark.parametrize('error, message', [
    (PointCloudError('a.las: it is empty.'), 'a.las: it is empty.'),
    (InferenceError('a.las: there is no field.'), 'a.las: there is no field.'),
    (OSError(28, 'No space left on device'), 'a.las: [Errno 28] No space left on device.'),
    (MemoryError(), 'a.las: a block does not fit into memory. Give a smaller --max-points than 500.'),
    (torch.cuda.OutOfMemoryError('CUDA'),
     'a.las: a block does not fit into memory. Give a smaller --max-points than 500.'),
])
def test_known_errors(error, message):
    assert why_not_labelled(Path('a.las'), error, 500) == message


def test_an_unknown_error_says_where_it_came_from():
    try:
        {}['copc']
    except KeyError as error:
        said = why_not_labelled(Path('a.las'), error, 500)
    assert said.startswith("a.las: KeyError: 'copc' (test_errors.py, line ")
    assert said.endswith('). This is a fault of erda: please report it with the file.')
