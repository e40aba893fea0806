#!/usr/bin/env python
"""What ERDA adds to a training step: time and memory of pseudo-labels and loss, forward and backward.

Beside it the same with similarities broadcast to N x K x C, as in the authors' TensorFlow code. Both have the same
result, which is checked. On the CPU, time is processor time of one thread, into which other processes do not count.
Memory is what tensors take at the peak, beside the inputs; it is proportional to the points, so it is also known of a
case that does not fit.
"""
import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

from erda.command_start import stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--points', type=int, nargs='+', default=[20_000, 100_000, 1_000_000])
    parser.add_argument('--classes', type=int, nargs='+', default=[13, 20, 200])
    parser.add_argument('--channels', type=int, default=32, help='of the features')
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--markdown', action='store_true', help='print Markdown as well')
    args = parser.parse_args()
    if min(args.points) < max(args.classes):
        parser.error(f'--points {min(args.points)} must not be below --classes {max(args.classes)}: each class '
                     'has a label')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import erda.registration  # noqa: F401  Fills in kernels.
from erda.command_line import print_table
from erda.files.progress import track
from erda.losses import ERDALoss
from erda.pseudo_labels import PrototypePseudoLabeler
from erda.weak_labels import UNLABELED

MEMORY_POINTS = 10_000  # of the small batch that tells how much memory a point takes
COLUMNS = ('points', 'classes', 'ms', 'broadcast ms', 'time ratio', 'MB', 'broadcast MB', 'memory ratio')


class BroadcastPseudoLabeler(PrototypePseudoLabeler):
    """The same pseudo-labels, by a product of all embeddings with all prototypes."""

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        embedding = self.projection(features)
        self._update(embedding.detach(), labels)
        embedding, prototypes = F.normalize(embedding, dim=-1), F.normalize(self.prototypes, dim=-1)
        return self.scale * (embedding[:, None] * prototypes).sum(dim=-1)

    in_chunks = forward


class Batch:
    """Random features and predictions; 1% of the points are labelled, each class at least once."""

    def __init__(self, points: int, channels: int, classes: int, device: str) -> None:
        generator = torch.Generator(device).manual_seed(0)
        self.features, self.seg_logits = (
            torch.randn(points, width, generator=generator, device=device, requires_grad=True)
            for width in (channels, classes))
        self.labels = torch.full((points, ), UNLABELED, device=device)
        labelled = max(points // 100, classes)
        self.labels[:labelled] = torch.arange(labelled, device=device) % classes

    def step(self, labeler: nn.Module) -> Tuple[Tensor, ...]:
        """Loss and its gradients in features and predictions."""
        pseudo_logits = labeler.in_chunks(self.features, self.labels)
        loss = ERDALoss()(pseudo_logits, self.seg_logits, self.labels == UNLABELED)
        inputs = (self.features, self.seg_logits, *labeler.parameters())
        return loss.detach(), *torch.autograd.grad(loss, inputs)[:2]


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'

    cases = [(points, classes) for points in args.points for classes in args.classes]
    rows = [row(*case, args.channels, args.repeats, device) for case in track(cases)]
    print_table([COLUMNS, *rows], f'{args.channels} channels, {device}, median of {args.repeats}', args.markdown)


def row(points: int, classes: int, channels: int, repeats: int, device: str) -> List[str]:
    """Cells of one case."""
    labelers = [build(channels, classes).to(device) for build in (PrototypePseudoLabeler, BroadcastPseudoLabeler)]
    labelers[1].load_state_dict(labelers[0].state_dict())
    small = Batch(MEMORY_POINTS, channels, classes, device)
    check_results(*(small.step(labeler) for labeler in labelers))
    memory = [points / MEMORY_POINTS * peak_memory(lambda labeler=labeler: small.step(labeler), device)
              for labeler in labelers]

    batch = Batch(points, channels, classes, device)
    free = free_memory(device)
    fits = [needed < free for needed in memory]
    steps = [lambda labeler=labeler: batch.step(labeler) for labeler, fit in zip(labelers, fits) if fit]
    times = iter(median_ms(steps, repeats, device))
    ms = [next(times) if fit else None for fit in fits]
    no_room = f'does not fit into {free / 1e6:,.0f} MB'
    return [f'{points:,}', str(classes), *(no_room if x is None else f'{x:.1f}' for x in ms),
            f'{ms[1] / ms[0]:.1f}' if all(fits) else '', *(f'{x / 1e6:,.0f}' for x in memory),
            f'{memory[1] / memory[0]:.1f}']


def check_results(ours: Sequence[Tensor], broadcast: Sequence[Tensor]) -> None:
    """Ends the command if a loss or a gradient differs by more than rounding."""
    for name, a, b in zip(('loss', 'gradient in features', 'gradient in predictions'), ours, broadcast):
        error = float((a - b).abs().max() / b.abs().max())
        if not error < 1e-4:
            stop(f'The {name} of the broadcast reference differs by {error:.0e}: the times cannot be compared')


def median_ms(steps: Sequence[Callable], repeats: int, device: str) -> List[float]:
    """Median times of the steps, in turn so that a busy machine troubles all alike."""
    clock = time.perf_counter if device == 'cuda' else time.process_time
    times = [[] for _ in steps]
    for _ in range(repeats + 1):
        for step, taken in zip(steps, times):
            start = clock()
            step()
            if device == 'cuda':
                torch.cuda.synchronize()
            taken.append(1000 * (clock() - start))
    return [statistics.median(taken[1:]) for taken in times]  # the first warms up


def peak_memory(step: Callable, device: str) -> float:
    """Bytes of tensors at the peak of a step, beside those that were there before it."""
    if device == 'cuda':
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / 'trace.json'
        record.export_chrome_trace(str(trace))
        events = [event for event in json.loads(trace.read_text())['traceEvents'] if event['name'] == '[memory]']
    total = peak = 0
    for event in sorted(events, key=lambda event: event['ts']):
        total += event['args']['Bytes']
        peak = max(peak, total)
    return peak


def free_memory(device: str) -> int:
    """Bytes that can be allocated now without swapping."""
    if device == 'cuda':
        return torch.cuda.mem_get_info()[0]
    line, = (line for line in Path('/proc/meminfo').read_text().splitlines() if line.startswith('MemAvailable'))
    return 1024 * int(line.split()[1])


if __name__ == '__main__':
    main(args)
