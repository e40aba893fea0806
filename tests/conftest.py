import os

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch: two processes on two cores, and repeatable sums

import pytest
import torch
from tiny_scans import write_scan

import erda  # noqa: F401
from erda.datasets.semantickitti import prepare_semantickitti

torch.set_num_threads(1)


@pytest.fixture
def scans(tmp_path):
    """Three training scans and one validation scan in SemanticKITTI's layout, without info files."""
    for frame in range(3):
        write_scan(tmp_path, '00', frame)
    write_scan(tmp_path, '08', 0)
    return tmp_path


@pytest.fixture
def semantickitti(scans):
    """The same with info files."""
    prepare_semantickitti(scans)
    return scans
