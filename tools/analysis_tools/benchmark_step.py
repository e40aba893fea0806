#!/usr/bin/env python
"""Time and memory of a training step of several configs, on the same batches and in turn: load hits all alike.

The batches are those of the first config's training data or, with --points, a made surface, each point one voxel: any
number of points and classes, for MinkUNet. With --own-data each config has its own, for networks that take different
data: what is compared then is points a second, of training steps and of predictions without votes or overlap. The
neighbours that a data loader finds are not in the time. On the CPU, time is processor time of one thread, into which
other processes do not count.
"""
import argparse
import itertools
import multiprocessing
import statistics
from pathlib import Path
from typing import List, Optional, Tuple


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files; the first is what the others are compared with')
    parser.add_argument('--steps', type=int, default=20, help='timed steps of each config')
    parser.add_argument('--points', type=int, nargs='+', help='of a batch of two made scans, 1%% of them labelled')
    parser.add_argument('--classes', type=int, nargs='+', default=[20], help='with --points (default: 20)')
    parser.add_argument('--own-data', action='store_true', help='each config on its own training data')
    parser.add_argument('--amp', action='store_true', help='each config in mixed precision (bfloat16) as well')
    parser.add_argument('--markdown', action='store_true', help='print Markdown as well')
    args = parser.parse_args()
    if args.points and args.own_data:
        parser.error('--own-data takes the points of each config: leave out --points')
    if args.points and min(args.points) < 200:
        parser.error(f'--points {min(args.points)}: at least 200, so that both scans have a label')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import erda.registration  # noqa: F401  Before mmdet3d: installs the portable kernels.

# isort: split
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from erda.command_line import print_table
from erda.config import load_config
from erda.device_check.made_batches import made_batch
from erda.device_check.training import Training
from erda.files.progress import track

WARM_UP = 2  # steps
MADE_VOXEL_SIZE = 0.5  # metres: the distance of made points
Run = Tuple[str, Optional[torch.dtype]]  # a config, and the type of mixed precision
COLUMNS = ('config', 'ms', 'time ratio', 'peak memory MB', 'memory ratio')
OWN_COLUMNS = ('config', 'parameters', 'points of a batch', 'points a second, training', 'points a second, prediction')


def main(args: argparse.Namespace) -> None:
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.set_num_threads(1)
    runs = [(config, half) for config in args.configs for half in ((None, torch.bfloat16) if args.amp else (None, ))]

    if args.own_data:
        columns, rows = OWN_COLUMNS, [points_a_second(config, args.steps, device) for config in track(args.configs)]
    elif args.points:
        columns = ('points', 'classes', *COLUMNS)
        rows = []
        for points, classes in track([*itertools.product(args.points, args.classes)]):
            batches = [made_batch(points, classes, seed) for seed in range(WARM_UP + args.steps)]
            rows += [[f'{points:,}', str(classes), *row] for row in compare(runs, batches, device, classes)]
    else:
        columns, rows = COLUMNS, compare(runs, load_batches(args.configs[0], WARM_UP + args.steps), device)
    what = 'Steps and predictions' if args.own_data else 'Training step'
    print_table([columns, *rows], f'{what} on {device}, median of {args.steps}', args.markdown)


def compare(runs: List[Run], batches: list, device: str, classes: Optional[int] = None) -> List[List[str]]:
    """Cells of one row for each config."""
    trainings = [_training(run, device, classes) for run in runs]
    times = [[] for _ in trainings]
    for number, batch in enumerate(batches):
        for training, taken in zip(trainings, times):
            seconds = training.step(batch)
            if number >= WARM_UP:
                taken.append(seconds)
    del trainings, training
    memory = [peak_memory(run, device, batches, classes) for run in runs]
    return [[Path(config).stem + (', bfloat16' if half else ''), f'{1000 * statistics.median(taken):,.0f}',
             f'{statistics.median(b / a for a, b in zip(times[0], taken)):.3f}', f'{peak / 1e6:,.0f}',
             f'{peak / memory[0]:.3f}'] for (config, half), taken, peak in zip(runs, times, memory)]


def points_a_second(config: str, steps: int, device: str) -> List[str]:
    """Cells of the row of a config on its own data."""
    training = Training(config, device)
    trained, predicted, sizes = [], [], []
    for number, batch in enumerate(load_batches(config, WARM_UP + steps)):
        points = sum(map(len, batch['inputs']['points']))
        seconds = training.step(batch), training.predict(batch)
        if number >= WARM_UP:
            for rates, taken in zip((trained, predicted), seconds):
                rates.append(points / taken)
            sizes.append(points)
    parameters = sum(parameter.numel() for parameter in training.model.parameters())
    return [Path(config).stem, f'{parameters:,}',
            *(f'{statistics.median(values):,.0f}' for values in (sizes, trained, predicted))]


def load_batches(config: str, count: int) -> list:
    cfg = load_config(config)
    init_default_scope('mmdet3d')
    loader = Runner.build_dataloader(dict(cfg.train_dataloader, num_workers=0, persistent_workers=False), seed=0)
    batches = iter(loader)
    return [next(batches) for _ in range(count)]


def _training(run: Run, device: str, classes: Optional[int]) -> Training:
    config, half = run
    return Training(config, device, classes, MADE_VOXEL_SIZE if classes else None, half)


def peak_memory(run: Run, device: str, batches: list, classes: Optional[int]) -> float:
    """Bytes at the peak of a few steps in a process of their own."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:  # a fork would inherit this one's threads and memory
        return pool.apply(_peak_memory, (run, device, batches[:3], classes))


def _peak_memory(run: Run, device: str, batches: list, classes: Optional[int]) -> float:
    torch.set_num_threads(1)
    training = _training(run, device, classes)
    for batch in batches:
        training.step(batch)
    if device == 'cuda':
        return torch.cuda.max_memory_allocated()
    # Not ru_maxrss, which a new process inherits from the one that started it.
    line, = (line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM'))
    return 1024 * int(line.split()[1])


if __name__ == '__main__':
    main(args)
