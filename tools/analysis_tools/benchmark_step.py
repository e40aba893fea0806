#!/usr/bin/env python
"""Time and memory of a training step of several configs, on the same batches and in turn: load hits all alike.

The batches are those of the first config's training data or, with --points, a made surface, each point one voxel: any
number of points and classes, for MinkUNet. On the CPU, time is processor time of one thread, into which other processes
do not count.
"""
import argparse
import itertools
import math
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import List, Optional

import erda  # noqa: F401  Before mmdet3d.structures, which imports mmcv's compiled kernels.

# isort: split
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from erda.command_line import print_table, stop
from erda.config import load_config
from erda.files.progress import track
from erda.weak_labels import UNLABELED

WARM_UP = 2  # steps
COLUMNS = ('config', 'ms', 'time ratio', 'peak memory MB', 'memory ratio')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files; the first is what the others are compared with')
    parser.add_argument('--steps', type=int, default=20, help='timed steps of each config')
    parser.add_argument('--points', type=int, nargs='+', help='of a batch of two made scans, 1%% of them labelled')
    parser.add_argument('--classes', type=int, nargs='+', default=[20], help='with --points (default: 20)')
    parser.add_argument('--markdown', action='store_true', help='print Markdown as well')
    args = parser.parse_args()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.set_num_threads(1)
    if args.points and min(args.points) < 200:
        stop(f'--points {min(args.points)}: at least 200, so that both scans have a label')

    if args.points:
        columns = ('points', 'classes', *COLUMNS)
        rows = []
        for points, classes in track([*itertools.product(args.points, args.classes)]):
            batches = [made_batch(points, classes, seed) for seed in range(WARM_UP + args.steps)]
            rows += [[f'{points:,}', str(classes), *row] for row in compare(args.configs, batches, device, classes)]
    else:
        columns, rows = COLUMNS, compare(args.configs, load_batches(args.configs[0], WARM_UP + args.steps), device)
    print_table([columns, *rows], f'Training step on {device}, median of {args.steps}', args.markdown)


def compare(configs: List[str], batches: list, device: str, classes: Optional[int] = None) -> List[List[str]]:
    """Cells of one row for each config."""
    trainings = [Training(config, device, classes) for config in configs]
    times = [[] for _ in trainings]
    for number, batch in enumerate(batches):
        for training, taken in zip(trainings, times):
            seconds = training.step(batch)
            if number >= WARM_UP:
                taken.append(seconds)
    del trainings, training
    memory = [peak_memory(config, device, batches, classes) for config in configs]
    return [[Path(config).stem, f'{1000 * statistics.median(taken):,.0f}',
             f'{statistics.median(b / a for a, b in zip(times[0], taken)):.3f}', f'{peak / 1e6:,.0f}',
             f'{peak / memory[0]:.3f}'] for config, taken, peak in zip(configs, times, memory)]


def load_batches(config: str, count: int) -> list:
    cfg = load_config(config)
    init_default_scope('mmdet3d')
    loader = Runner.build_dataloader(dict(cfg.train_dataloader, num_workers=0, persistent_workers=False), seed=0)
    batches = iter(loader)
    return [next(batches) for _ in range(count)]


def made_batch(points: int, classes: int, seed: int) -> dict:
    """Two scans of a wavy surface; its voxels of 0.5 m have 8 neighbours, those of a street 7."""
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for _ in range(2):
        number = torch.arange(points // 2)
        side = math.isqrt(points // 2)
        x, y = number % side, number // side
        z = (3 * torch.sin(x / 7 + seed)).round()
        xyz = 0.5 * torch.stack([x, y, z], dim=1)
        inputs.append(torch.cat([xyz, torch.rand(len(xyz), 1, generator=generator)], dim=1))
        labels = torch.full((len(xyz), ), UNLABELED)
        labels[::100] = torch.randint(classes, labels[::100].shape, generator=generator)
        samples.append(Det3DDataSample(gt_pts_seg=PointData(pts_semantic_mask=labels)))
    return dict(inputs=dict(points=inputs), data_samples=samples)


class Training:
    """A model and its optimiser; ``classes`` replaces the number that a config has, and no voxel is dropped then."""

    def __init__(self, config: str, device: str, classes: Optional[int] = None) -> None:
        cfg = load_config(config)
        if classes is not None:
            cfg.model.decode_head.update(num_classes=classes, ignore_index=classes)
            cfg.model.data_preprocessor.update(ignore_index=classes, max_voxels=None)
        init_default_scope('mmdet3d')
        torch.manual_seed(0)
        self.model = MODELS.build(cfg.model).to(device).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def step(self, batch: dict) -> float:
        """Seconds of one step, voxelisation included."""
        clock = time.perf_counter if torch.cuda.is_available() else time.process_time
        start = clock()
        data = self.model.data_preprocessor(dict(batch, data_samples=[s.clone() for s in batch['data_samples']]), True)
        losses = self.model(**data, mode='loss')
        loss, _ = self.model.parse_losses(losses)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return clock() - start


def peak_memory(config: str, device: str, batches: list, classes: Optional[int]) -> float:
    """Bytes at the peak of a few steps in a process of their own."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:  # a fork would inherit this one's threads and memory
        return pool.apply(_peak_memory, (config, device, batches[:3], classes))


def _peak_memory(config: str, device: str, batches: list, classes: Optional[int]) -> float:
    torch.set_num_threads(1)
    training = Training(config, device, classes)
    for batch in batches:
        training.step(batch)
    if device == 'cuda':
        return torch.cuda.max_memory_allocated()
    # Not ru_maxrss, which a new process inherits from the one that started it.
    line, = (line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM'))
    return 1024 * int(line.split()[1])


if __name__ == '__main__':
    main()
