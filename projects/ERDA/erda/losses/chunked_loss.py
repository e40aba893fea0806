"""ERDA's loss over chunks of points that fit into the processor's cache, forward and backward at once."""
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .functional import loss_and_gradients

# Elements of a chunk's largest tensor: a megabyte on a CPU; a GPU wants few large kernels.
CHUNK_ELEMENTS = dict(cpu=1 << 18, cuda=1 << 25)
MIN_COLUMNS = 16  # torch's softmax over fewer columns is eight times as slow on a CPU with AVX512
NO_MASS = -1e4  # exp(-1e4) is an exact zero in every float type, unlike -inf it keeps 0 * log 0 finite


@dataclass(frozen=True)
class ChunkedLogits:
    """Logits ``[N, K]`` that are computed chunk by chunk where they are needed, and never kept.

    Args:
        rows: ``[N, C]``, what each row of logits is computed from.
        logits_of: ``(rows [n, C], *parameters) -> [n, K]``, each row for itself.
        parameters: whatever else gradients go to.
        offset: ``[N, K]``, added to them; without gradient.
    """
    rows: Tensor
    logits_of: Callable[..., Tensor]
    parameters: Sequence[Tensor] = ()
    offset: Optional[Tensor] = None

    def __getitem__(self, points: Union[Tensor, slice]) -> Tensor:
        """Logits ``[M, K]`` of some points, with gradients as any tensor."""
        return self.from_leaves(points, self.rows[points], *self.parameters)

    def from_leaves(self, points: Union[Tensor, slice], rows: Tensor, *parameters: Tensor) -> Tensor:
        """The same from other tensors of the same values, whose gradients are asked for."""
        logits = self.logits_of(rows, *parameters)
        return logits if self.offset is None else logits + self.offset[points]

    def __add__(self, offset: Tensor) -> 'ChunkedLogits':
        return replace(self, offset=offset if self.offset is None else self.offset + offset)

    def detach(self) -> 'ChunkedLogits':
        return replace(self, rows=self.rows.detach(), parameters=[x.detach() for x in self.parameters])

    @classmethod
    def of(cls, logits: 'Union[Tensor, ChunkedLogits]') -> 'ChunkedLogits':
        """The same for logits that are there already."""
        return cls(logits, lambda rows: rows) if isinstance(logits, Tensor) else logits


@torch.no_grad()
def max_probability(logits: Union[Tensor, ChunkedLogits]) -> Tensor:
    """``[N]``, the probability of each row's likeliest class."""
    logits = ChunkedLogits.of(logits)
    chunks = (logits[part].softmax(dim=-1) for part in chunks_of(logits.rows, logits.rows.shape[1]))
    return torch.cat([logits.rows.new_zeros(0), *(probability.amax(dim=-1) for probability in chunks)])


def chunks_of(rows: Tensor, width: int) -> Iterator[slice]:
    """Slices that cover the rows; ``width`` is that of a chunk's widest tensor."""
    size = max(CHUNK_ELEMENTS['cuda' if rows.is_cuda else 'cpu'] // width, 1)
    return (slice(start, start + size) for start in range(0, len(rows), size))


def chunked_loss(pseudo_logits: Union[Tensor, ChunkedLogits],
                 seg_logits: Tensor,
                 weights: Tensor,
                 alignment: str = 'kl_pq',
                 entropy_weight: float = 1.0) -> Tensor:
    """``sum(weights * (lambda * H(p) + D(p, q)))``, neither softmax longer than a chunk of points.

    Gradients are computed beside the values. That is what a training step needs; a second derivative is not there.

    Args:
        pseudo_logits: ``[N, K]``, logits of p.
        seg_logits: ``[N, K]``, logits of q.
        weights: ``[N]``, without gradient.
        alignment: form of D.
        entropy_weight: lambda.

    Returns: scalar in float32 or wider.

    Source: ERDA, https://arxiv.org/abs/2305.15832
    """
    pseudo_logits = ChunkedLogits.of(pseudo_logits)
    task = _Task(pseudo_logits.detach(), weights, alignment, entropy_weight, torch.is_grad_enabled())
    return _ChunkedLoss.apply(task, seg_logits, pseudo_logits.rows, *pseudo_logits.parameters)


class _Task(NamedTuple):
    pseudo_logits: ChunkedLogits
    weights: Tensor
    alignment: str
    entropy_weight: float
    needs_gradients: bool


Gradients = List[Any]  # a tensor or None for each of seg_logits, rows and parameters


class _ChunkedLoss(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, task: _Task, *tensors: Tensor) -> Tensor:
        ctx.task = task
        ctx.save_for_backward(*tensors)
        needs = [task.needs_gradients and needed for needed in ctx.needs_input_grad[1:]]
        with torch.autocast(tensors[0].device.type, enabled=False):
            loss, ctx.gradients = _run(task, needs, *tensors)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> Tuple[Optional[Tensor], ...]:
        # Given away, because the receiver may change them; a second backward makes its own.
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            gradients = _run(ctx.task, ctx.needs_input_grad[1:], *ctx.saved_tensors)[1]
        if grad_loss != 1:
            for gradient in gradients:
                if gradient is not None:
                    gradient.mul_(grad_loss)
        return None, *(None if gradient is None else gradient.to(tensor.dtype)
                       for gradient, tensor in zip(gradients, ctx.saved_tensors))


def _run(task: _Task, needs: Sequence[bool], seg_logits: Tensor, rows: Tensor,
         *parameters: Tensor) -> Tuple[Tensor, Gradients]:
    """Loss and its gradients in single precision or wider."""
    classes = seg_logits.shape[1]
    padding = max(MIN_COLUMNS - classes, 0)
    needs_pseudo = any(needs[1:])
    gradients: Gradients = [torch.empty_like(x, dtype=_wide(x)) if needed else None
                            for x, needed in zip((seg_logits, rows), needs)]
    gradients += [torch.zeros_like(x) if needed else None for x, needed in zip(parameters, needs[2:])]
    total = torch.zeros((), dtype=torch.float64, device=rows.device)
    for part in chunks_of(rows, max(classes, rows.shape[1], MIN_COLUMNS)):
        inputs = _widened(rows[part]), *parameters
        leaves = [x.detach().requires_grad_(needed) for x, needed in zip(inputs, needs[1:])]
        with torch.set_grad_enabled(needs_pseudo):
            pseudo_logits = task.pseudo_logits.from_leaves(part, *leaves)
        log_p, log_q = (F.log_softmax(F.pad(x, (0, padding), value=NO_MASS) if padding else x, dim=-1)
                        for x in (pseudo_logits.detach(), _widened(seg_logits[part])))
        loss, grad_p, grad_q = loss_and_gradients(log_p, log_q, task.alignment, task.entropy_weight)
        weights = task.weights[part].to(loss.dtype)
        total += (loss * weights).sum()
        if needs[0]:
            torch.mul(grad_q[:, :classes], weights[:, None], out=gradients[0][part])
        if needs_pseudo:
            wanted = [leaf for leaf in leaves if leaf.requires_grad]
            found = iter(torch.autograd.grad(pseudo_logits, wanted, grad_p[:, :classes] * weights[:, None]))
            if needs[1]:
                gradients[1][part] = next(found)
            for gradient in gradients[2:]:
                if gradient is not None:
                    gradient += next(found)
    return total.to(_wide(seg_logits)), gradients


def _wide(x: Tensor) -> torch.dtype:
    """Sums of small probabilities need more than half precision."""
    return x.dtype if x.element_size() >= 4 else torch.float32


def _widened(x: Tensor) -> Tensor:
    return x.to(_wide(x))
