"""Prototypes and gradients of two processes are those of one on the joint batch."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_pseudo_labels import two_ranks


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    env = dict(os.environ, OMP_NUM_THREADS='1')
    children = [
        subprocess.Popen([sys.executable, two_ranks.__file__, str(rank), folder / 'meeting', folder / f'{rank}.pth'],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) for rank in (0, 1)]
    try:
        for child in children:
            output, _ = child.communicate(timeout=600)  # a busy machine takes a minute to import
            assert child.returncode == 0, output
    finally:
        for child in children:
            child.kill()
    return [torch.load(Path(folder) / f'{rank}.pth', weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize('number', range(len(two_ranks.losses())))
def test_prototypes_and_gradients(ranks, number):
    joint = two_ranks.run(two_ranks.Model(two_ranks.losses()[number]))
    for rank in ranks:
        for ours, expected in zip(rank['results'][number], joint):
            torch.testing.assert_close(ours['prototypes'], expected['prototypes'])
            assert ours['gradients'].keys() == expected['gradients'].keys()
            for name, gradient in ours['gradients'].items():
                torch.testing.assert_close(gradient, expected['gradients'][name], msg=name)
    assert joint[0]['gradients']['conv_seg.weight'].abs().sum() > 0


def test_one_reduction_of_k_rows_a_step(ranks):
    steps = len(two_ranks.batches()) * len(two_ranks.losses())
    for rank in ranks:
        assert rank['shapes'] == [(two_ranks.K, two_ranks.C + 1)] * steps
