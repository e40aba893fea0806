import pytest
import torch

from erda.losses.points_per_rank import points_per_rank


def test_one_process():
    assert points_per_rank(torch.tensor(7)) == 7
    assert 0 / points_per_rank(torch.tensor(0)) == 0


def test_one_point_on_three_ranks(monkeypatch):
    """Less than one a rank; test_pseudo_labels/test_two_ranks.py has real ranks."""
    monkeypatch.setattr('erda.losses.points_per_rank.all_reduce', lambda count, op: count.div_(3))
    assert points_per_rank(torch.tensor(1)) == pytest.approx(1 / 3)
