"""Segmentors: they train, their logits are those of the CPU, and what they cost."""
import math
import statistics
from contextlib import nullcontext
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch

from ..config import load_config
from ..heads import classify_points
from .kernels import as_on_other_devices, assert_close, portable_kernels
from .made_batches import made_batch, made_rooms
from .report import NotHere
from .training import Training

CONFIGS = 'erda::{}.py'
MINKUNET, MINI = 'minkunet_erda_1pct', 'minkunet_erda_1pct_mini'
SEGMENTORS = (MINKUNET, 'spvcnn_erda_1pct', 'cylinder3d_erda_1pct', 'pointnet2_ssg_erda_1pct_s3dis',
              'pointnet2_msg_erda_1pct_s3dis', 'dgcnn_erda_1pct_s3dis', 'paconv_erda_1pct_s3dis')
STOCK = 'mmdet3d::minkunet/minkunet34_w32_spconv_8xb2-laser-polar-mix-3x_semantickitti.py'
CLASSES = 19  # of SemanticKITTI
ROOM_POINTS = 4096  # of a cloud, at most
LOGIT_TOLERANCE = 1e-3  # relative to the largest
WARM_UP = 2  # steps


class Size(NamedTuple):
    """How much is done.

    Attributes:
        segmentors: names of configs.
        steps: of a training.
        points: of a scan.
        timed: points of two scans.
        timed_steps: that are timed.
    """
    segmentors: Tuple[str, ...] = SEGMENTORS
    steps: int = 50
    points: int = 20_000
    timed: Tuple[int, ...] = (100_000, 1_000_000)
    timed_steps: int = 10


QUICK = Size((MINI, 'pointnet2_ssg_erda_1pct_s3dis'), 4, 1200, (2000, ), 1)


def batch_for(name: str, points: int, seed: int = 0) -> dict:
    """Two made scans for a network."""
    if name.endswith('s3dis'):
        classes = load_config(CONFIGS.format(name)).model.decode_head.num_classes
        return made_rooms(min(points, ROOM_POINTS), classes, seed)
    return made_batch(2 * points, CLASSES, seed)


def train(training: Training, batch: dict, steps: int, half: Optional[torch.dtype] = None) -> str:
    """Steps on one batch, whose loss must fall, in mixed precision if ``half`` is given; both losses in words."""
    device = next(training.model.parameters()).device.type
    scaler = torch.amp.GradScaler(device, enabled=half is torch.float16)
    losses = []
    for _ in range(steps):
        with torch.autocast(device, half, enabled=half is not None):
            loss = training.loss(batch)
        training.optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(training.optimizer)
        scaler.update()
        losses.append(float(loss.detach()))
    return require_falling(losses)


def require_falling(losses: Sequence[float]) -> str:
    """The first and the last loss in words.

    Raises:
        AssertionError: if the last is not below the first, or one is not finite.
    """
    if not (all(map(math.isfinite, losses)) and losses[-1] < losses[0]):
        raise AssertionError(f'the loss does not fall: {losses[0]:.4f} first, {losses[-1]:.4f} in the end')
    return f'loss {losses[0]:.3f} to {losses[-1]:.3f} in {len(losses)} steps'


def check_segmentor(name: str, device: torch.device, size: Size, portable: bool) -> str:
    """Its loss falls, and afterwards its logits are those of the CPU."""
    if not portable and device.type == 'cpu':
        raise NotHere('there are no stock kernels for the CPU')
    batch = batch_for(name, size.points)
    scans = batch['inputs']['points']
    with portable_kernels() if portable and device.type != 'cpu' else nullcontext():
        training = Training(CONFIGS.format(name), str(device))
        falling = train(training, batch, size.steps)
        with as_on_other_devices(device):
            found = classify_points(training.model, [scan.to(device) for scan in scans])
    expected = classify_points(training.model.cpu(), [scan.cpu() for scan in scans])
    off = 0.0
    for one, other in zip(found, expected):
        assert_close(one.seg_logits, other.seg_logits, 'logits', LOGIT_TOLERANCE)
        off = max(off, float((one.seg_logits.cpu() - other.seg_logits).abs().max()))
    return f'{falling}; logits differ from the CPU by at most {off:.1e}'


def check_mixed_precision(name: str, device: torch.device, size: Size) -> str:
    """The loss falls in half precision."""
    half = torch.float16 if device.type == 'cuda' else torch.bfloat16
    return train(Training(CONFIGS.format(name), str(device)), batch_for(name, size.points), size.steps, half)


def cost_of_erda(points: int, device: torch.device, size: Size) -> str:
    """Time and memory of a training step beside those of the labelled points alone, in turn."""
    ending = '_mini.py' if size is QUICK else '.py'
    alone, both = step_costs([f'erda::minkunet/minkunet_sparse_1pct{ending}', f'erda::minkunet_erda_1pct{ending}'],
                             [made_batch(points, CLASSES, seed) for seed in range(WARM_UP + size.timed_steps)], device)
    ratio = both.seconds / alone.seconds
    return (f'{1000 * alone.seconds:.1f} ms without, {1000 * both.seconds:.1f} with: x {ratio:.3f}; '
            + (f'{alone.megabytes:,.0f} and {both.megabytes:,.0f} MB: x {both.megabytes / alone.megabytes:.3f}'
               if alone.megabytes else 'memory is measured on CUDA alone'))


def points_per_second(device: torch.device, size: Size) -> str:
    """Training steps of the stock segmentor and of ours on the same batches, every point labelled."""
    if device.type == 'cpu':
        raise NotHere('the stock data preprocessor needs CUDA')
    batches = [made_batch(size.timed[0], CLASSES, seed) for seed in range(WARM_UP + size.timed_steps)]
    for sample in (sample for batch in batches for sample in batch['data_samples']):
        labels = sample.gt_pts_seg.pts_semantic_mask
        sample.gt_pts_seg.pts_semantic_mask = torch.arange(len(labels)) % CLASSES
    stock, ours = step_costs([STOCK, 'erda::minkunet/minkunet_sparse_1pct.py'], batches, device)
    return f'stock {size.timed[0] / stock.seconds:,.0f}, ours {size.timed[0] / ours.seconds:,.0f} points a second'


class StepCost(NamedTuple):
    """Median seconds of a training step, and what it allocates on CUDA."""
    seconds: float
    megabytes: float


def step_costs(configs: List[str], batches: List[dict], device: torch.device) -> List[StepCost]:
    """Of each config, in turn on the same batches."""
    trainings = [Training(config, str(device), CLASSES) for config in configs]
    times: List[List[float]] = [[] for _ in trainings]
    memory = [0.0 for _ in trainings]
    for batch in batches:
        for number, training in enumerate(trainings):
            if device.type == 'cuda':
                torch.cuda.reset_peak_memory_stats(device)
                before = torch.cuda.memory_allocated(device)
            times[number].append(training.step(batch))
            if device.type == 'cuda':
                memory[number] = max(memory[number], (torch.cuda.max_memory_allocated(device) - before) / 1e6)
    return [StepCost(statistics.median(taken[WARM_UP:]), peak) for taken, peak in zip(times, memory)]
