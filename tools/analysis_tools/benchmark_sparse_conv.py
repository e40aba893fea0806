"""Time the portable 3x3x3 submanifold convolution against spconv's own CPU kernels.

Prints a Markdown table: median milliseconds of the table of pairs and of forward plus backward,
and the largest error of each against the same sum in float64.
"""
import argparse
import functools
import statistics
import time


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--voxels', type=int, nargs='+', default=[20000, 60000])
    parser.add_argument('--channels', type=int, nargs='+', default=[32, 96])
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--scan', nargs='+', help='SemanticKITTI .bin files instead of a street')
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import numpy as np
import spconv.pytorch.ops  # noqa: F401  # before erda, which spares itself what spconv has for CUDA
import torch

import erda.registration  # noqa: F401  Fills in kernels.
from erda.ops.sparse_conv import sparse_convolution
from erda.ops.sparse_tables import submanifold_table


def simulated_scan(seed: int) -> np.ndarray:
    """Points ``[N, 3]`` of a 64-beam sensor in a street: ground, house fronts, boxes and poles."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = np.meshgrid(np.linspace(0, 2 * np.pi, 2048, endpoint=False),
                                     np.radians(np.linspace(-25, 3, 64)))
    azimuth, elevation = azimuth.ravel(), elevation.ravel()
    ray = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
                    np.sin(elevation)], 1)
    distance = np.full(len(ray), np.inf)
    with np.errstate(divide='ignore', invalid='ignore'):
        distance = np.minimum(distance, np.where(ray[:, 2] < 0, -1.73 / ray[:, 2], np.inf))
        for side in (-9.0, 11.0):
            front = side / ray[:, 1]
            distance = np.minimum(distance, np.where(front > 0, front, np.inf))
        for _ in range(60):
            centre = rng.uniform([-50, -8, -1.73], [50, 10, -1.0])
            half = rng.uniform([0.1, 0.1, 0.7], [2.2, 0.9, 2.0])
            low, high = (centre - half) / ray, (centre + half) / ray
            enter = np.minimum(low, high).max(1)
            leave = np.maximum(low, high).min(1)
            distance = np.minimum(distance, np.where((enter < leave) & (enter > 1), enter, np.inf))
    seen = distance < 80
    return ray[seen] * (distance[seen] + rng.normal(0, 0.02, seen.sum()))[:, None]


def voxelize(scans, num_voxels: int):
    """Voxel rows ``[~num_voxels, 4]`` and the voxel size that gives this many."""
    small, large = 0.01, 4.0
    for _ in range(20):
        size = (small * large)**0.5
        rows = np.concatenate([
            np.insert(np.unique(np.floor((scan - scan.min(0)) / size).astype(np.int32), axis=0),
                      0, batch, axis=1) for batch, scan in enumerate(scans)])
        small, large = (size, large) if len(rows) > num_voxels else (small, size)
    return torch.from_numpy(rows), size


def median_ms(functions, repeats: int):
    """Median times of the functions, called in turn so that a busy machine troubles all alike."""
    times = [[] for _ in functions]
    for _ in range(repeats + 1):
        for function, taken in zip(functions, times):
            start = time.perf_counter()
            function()
            taken.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(taken[1:]) for taken in times]


def convolve(features, weight, table, grad):
    """Output and both gradients of the portable path, table ``None``: build it only."""
    features, weight = features.requires_grad_(), weight.requires_grad_()
    out = sparse_convolution(features, weight, table)
    return (out, *torch.autograd.grad(out, (features, weight), grad))


class SpconvKernels:
    """spconv's native CPU kernels, without its modules."""

    def __init__(self, indices, shape):
        from spconv.core import ConvAlgo
        from spconv.pytorch import ops
        # The CPU-only build asks for a CUDA stream that none of its kernels needs.
        ops.get_current_stream = lambda: 0
        self.ops = ops
        self.build = functools.partial(ops.get_indice_pairs, indices, int(indices[-1, 0]) + 1,
                                       shape, ConvAlgo.Native, [3] * 3, [1] * 3, [1] * 3,
                                       [1] * 3, [0] * 3, True)

    def convolve(self, features, weight, pairs, grad):
        _, rows, counts = pairs
        channels = features.shape[1]
        krsc = weight.permute(2, 0, 1).reshape(channels, 3, 3, 3, channels).contiguous()
        out = self.ops.indice_conv(features, krsc, rows, counts, len(features), False, True)
        grad_features, grad_weight = self.ops.indice_conv_backward(
            features, krsc, grad, rows, counts, False, True)
        return out, grad_features, grad_weight.reshape(channels, 27, channels).permute(1, 2, 0)


def max_error(found, reference):
    """Largest error of (output, gradients) relative to the largest value of each."""
    return max(float((a.double() - b).abs().max() / b.abs().max())
               for a, b in zip(found, reference))


def main(args: argparse.Namespace) -> None:
    if args.scan:
        scans = [np.fromfile(path, np.float32).reshape(-1, 4)[:, :3] for path in args.scan]
    else:
        scans = [simulated_scan(args.seed), simulated_scan(args.seed + 1)]
    import spconv
    print(f'torch {torch.__version__}, spconv {spconv.__version__}, {len(scans)} scans, ms\n')
    print('| threads | voxels | size | pairs | C | table | spconv | f+b | spconv | ratio | error | '
          'spconv |')
    print('|---' * 12 + '|')
    for threads in args.threads:
        torch.set_num_threads(threads)
        for num_voxels in args.voxels:
            indices, size = voxelize(scans, num_voxels)
            shape = [int(n) + 1 for n in indices[:, 1:].amax(0)]
            build = functools.partial(submanifold_table, indices, shape, [3] * 3, [1] * 3)
            stock = SpconvKernels(indices, shape)
            table, pairs = build(), stock.build()
            build_ms = median_ms([build, stock.build], args.repeats)
            degree = len(table.in_rows) / len(indices) + 1
            for channels in args.channels:
                torch.manual_seed(args.seed)
                data = (torch.randn(len(indices), channels),
                        torch.randn(27, channels, channels) / channels, )
                grad = torch.randn(len(indices), channels)
                reference = convolve(*(t.double() for t in data), table, grad.double())
                ours = functools.partial(convolve, *data, table, grad)
                theirs = functools.partial(stock.convolve, *(t.detach() for t in data), pairs,
                                           grad)
                errors = [max_error(run(), reference) for run in (ours, theirs)]
                ms = median_ms([ours, theirs], args.repeats)
                print(f'| {threads} | {len(indices)} | {size:.2f} | {degree:.1f} | {channels} | '
                      f'{build_ms[0]:.0f} | {build_ms[1]:.0f} | {ms[0]:.0f} | {ms[1]:.0f} | '
                      f'{ms[1] / ms[0]:.1f} | {errors[0]:.0e} | {errors[1]:.0e} |', flush=True)


if __name__ == '__main__':
    main(args)
