"""What enters and leaves the classifier of any mmdet3d segmentor, for each point of a scan."""
import math
from contextlib import contextmanager
from typing import Any, Iterator, List, NamedTuple, Sequence

import torch
from mmdet3d.models import Base3DSegmentor
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn


class ClassifierCall(NamedTuple):
    """What went into and came out of ``conv_seg``, one row per point or voxel: ``[N, C]`` and ``[N, K]``."""
    features: Tensor
    seg_logits: Tensor


@contextmanager
def recorded_classifier(head: nn.Module) -> Iterator[List[ClassifierCall]]:
    """Keeps the calls of a head's ``conv_seg`` inside the context."""
    calls: List[ClassifierCall] = []

    def record(module: nn.Module, args: tuple, output: Any) -> None:
        calls.append(ClassifierCall(_rows(args[0]), _rows(output)))

    handle = head.get_submodule('conv_seg').register_forward_hook(record)
    try:
        yield calls
    finally:
        handle.remove()


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode inside the context; afterwards each module as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@torch.no_grad()
def classify_points(model: Base3DSegmentor, points: Sequence[Tensor], **others: Any) -> List[ClassifierCall]:
    """One call for each scan, a row for each of its points; a point has what its voxel has.

    Args:
        model: an mmdet3d segmentor whose head is one of ours, used in evaluation mode.
        points: ``[N_i, C_in]`` per scan, as behind the pipeline, before the data preprocessor, on any device. All of
            the same length for networks without voxels.
        others: what else ``inputs`` has in the pipeline's batch; ``pyramid`` spares the search for neighbours.
    """
    batch = dict(inputs=dict(points=list(points), **others), data_samples=[Det3DDataSample() for _ in points])
    with evaluation_mode(model), recorded_classifier(model.decode_head) as calls:
        batch = model.data_preprocessor(batch, False)
        inputs, has_voxels = batch['inputs'], 'voxels' in batch['inputs']
        model.decode_head(model.extract_feat(inputs if has_voxels or others else torch.stack(inputs['points'])))
    call, = calls
    call = ClassifierCall(call.features, call.seg_logits[:, :model.decode_head.num_real_classes])
    rows, start = [], 0
    for scan, sample in zip(inputs['points'], batch['data_samples']):
        index = start + (sample.point2voxel_map if has_voxels else torch.arange(len(scan), device=scan.device))
        rows.append(ClassifierCall(*(values.index_select(0, index) for values in call)))  # faster than values[index]
        start = int(index.max()) + 1  # in evaluation no voxel is dropped, and none is empty
    return rows


def mean_call(calls: Sequence[ClassifierCall]) -> ClassifierCall:
    """Mean of the features and of the probabilities of several calls for the same points.

    Returns: features ``[N, C]`` and logits ``[N, K]``, those of one call as they are, else log-probabilities.
    """
    if len(calls) == 1:
        return calls[0]
    log_probabilities = torch.stack([call.seg_logits.float().log_softmax(dim=1) for call in calls])
    return ClassifierCall(torch.stack([call.features for call in calls]).mean(dim=0),
                          log_probabilities.logsumexp(dim=0) - math.log(len(calls)))


def _rows(x: Any) -> Tensor:
    """``[N, C]`` from rows, from a dense ``[B, C, N]`` or from a sparse tensor."""
    x = getattr(x, 'features', x)
    return x.transpose(1, 2).flatten(0, 1) if x.dim() == 3 else x
