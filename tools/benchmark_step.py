#!/usr/bin/env python
"""Time and memory of a training step of several configs, on the same batches and in turn: load hits all alike."""
import argparse
import multiprocessing
import resource
import statistics
import time
from pathlib import Path

import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

import erda  # noqa: F401
from erda.config import load_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('configs', nargs='+', help='config files; the first is what the others are compared with')
    parser.add_argument('--steps', type=int, default=20, help='timed steps of each config')
    args = parser.parse_args()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'

    batches = load_batches(args.configs[0], args.steps + 2)
    trainings = [Training(config, device) for config in args.configs]
    times = [[] for _ in trainings]
    for number, batch in enumerate(batches):
        for training, taken in zip(trainings, times):
            seconds = training.step(batch)
            if number >= 2:  # the first steps warm up
                taken.append(seconds)
    memory = [peak_memory(config, device, batches) for config in args.configs]

    table = Table(title=f'Training step on {device}, {torch.get_num_threads()} threads, median of {args.steps}')
    for column in ('config', 'ms', 'time ratio', 'peak memory MB', 'memory ratio'):
        table.add_column(column, justify='left' if column == 'config' else 'right')
    for config, taken, peak in zip(args.configs, times, memory):
        ratio = statistics.median(b / a for a, b in zip(times[0], taken))
        table.add_row(Path(config).stem, f'{1000 * statistics.median(taken):.0f}', f'{ratio:.3f}', f'{peak / 1e6:.0f}',
                      f'{peak / memory[0]:.3f}')
    Console().print(table)


def load_batches(config: str, count: int) -> list:
    cfg = load_config(config)
    init_default_scope('mmdet3d')
    loader = Runner.build_dataloader(dict(cfg.train_dataloader, num_workers=0, persistent_workers=False), seed=0)
    batches = iter(loader)
    return [next(batches) for _ in range(count)]


class Training:
    """A model and its optimiser."""

    def __init__(self, config: str, device: str) -> None:
        cfg = load_config(config)
        init_default_scope('mmdet3d')
        torch.manual_seed(0)
        self.model = MODELS.build(cfg.model).to(device).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def step(self, batch: dict) -> float:
        """Seconds of one step, voxelisation included."""
        start = time.perf_counter()
        data = self.model.data_preprocessor(dict(batch, data_samples=[s.clone() for s in batch['data_samples']]), True)
        losses = self.model(**data, mode='loss')
        loss, _ = self.model.parse_losses(losses)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - start


def peak_memory(config: str, device: str, batches: list) -> float:
    """Bytes at the peak of a few steps in a process of their own."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:  # a fork would inherit this one's threads and memory
        return pool.apply(_peak_memory, (config, device, batches[:5]))


def _peak_memory(config: str, device: str, batches: list) -> float:
    training = Training(config, device)
    for batch in batches:
        training.step(batch)
    if device == 'cuda':
        return torch.cuda.max_memory_allocated()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == '__main__':
    main()
