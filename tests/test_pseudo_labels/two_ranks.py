"""Two processes of one training, each with its own half of the batch; started by test_two_ranks.py.

Arguments: rank, file for the meeting, result file.
"""
import sys

import mmengine.dist
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import erda  # noqa: F401
from erda.losses import ERDALoss, OneHotLoss
from erda.pseudo_labels import PrototypePseudoLabeler, prototype_pseudo_labeler
from erda.weak_labels import UNLABELED

C, K = 6, 4
SIZES = (30, 20)


class Model(nn.Module):
    """A classifier, pseudo-labels from prototypes without batch statistics, and a loss."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv_seg = nn.Linear(C, K)
        self.labeler = PrototypePseudoLabeler(C, K, num_layers=1, momentum=0.5, scale=5.0)
        self.loss = loss

    def forward(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.loss(self.labeler(features, labels), self.conv_seg(features), labels == UNLABELED)


def losses() -> list:
    return [ERDALoss(loss_weight=1.0), OneHotLoss(loss_weight=1.0)]


def batches() -> list:
    """Steps of two halves: class 3 on rank 0 alone; nothing labelled on rank 1, on neither; all of it on rank 1."""
    generator = torch.Generator().manual_seed(1)
    steps = []
    for step in range(4):
        halves = []
        for rank, size in enumerate(SIZES):
            labels = torch.full((size, ), UNLABELED)
            if step == 0:
                labels[:4 - rank] = torch.arange(4 - rank)
            elif step == 1 and rank == 0:
                labels[:6] = torch.tensor([0, 1, 1, 2, 2, 2])
            elif step == 3 and rank == 1:
                labels[:] = torch.arange(size) % K
            halves.append((torch.randn(size, C, generator=generator), labels))
        steps.append(halves)
    return steps


def run(model: nn.Module, rank=None) -> list:
    """Gradients and prototypes after each step; of the joint batch without a rank."""
    inner, results = getattr(model, 'module', model), []
    for halves in batches():
        features, labels = (torch.cat(x) for x in zip(*halves)) if rank is None else halves[rank]
        model.zero_grad()
        model(features, labels).backward()
        gradients = {name: x.grad.clone() for name, x in inner.named_parameters() if x.grad is not None}
        results.append(dict(gradients=gradients, prototypes=inner.labeler.prototypes.clone()))
    return results


def main() -> None:
    rank, meeting, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.distributed.init_process_group('gloo', init_method=f'file://{meeting}', rank=rank, world_size=2)
    shapes, reduce = [], prototype_pseudo_labeler.all_reduce

    def counted(tensor: torch.Tensor) -> None:
        shapes.append(tuple(tensor.shape))
        reduce(tensor)

    prototype_pseudo_labeler.all_reduce = counted
    results = [run(DistributedDataParallel(Model(loss), find_unused_parameters=isinstance(loss, OneHotLoss)), rank)
               for loss in losses()]
    mmengine.dist.barrier()
    torch.save(dict(results=results, shapes=shapes), result)
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main()
