#!/usr/bin/env python
"""Time the portable point kernels on the CPU against references, in turn so that load hits all alike.

Every call allocates its results, every k-d tree is built anew. Of equally near points each search may take another, so
neighbours are compared by their distances.
"""
import argparse
import functools
import sys
import time
from typing import Any, Callable, List, NamedTuple, Sequence, Tuple


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=11)
    parser.add_argument('--threads', type=int, default=1, help='of PyTorch; all else takes one')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import numpy as np
import torch
from numba import njit
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree
from torch import Tensor

import erda.registration  # noqa: F401  Fills in kernels.
from erda.files.progress import track
from erda.ops.mmcv_ext import COMPILED_FOR_CPU, PORTABLE_KERNELS, PortableExtension

B, N, M, C, K = 4, 8192, 2048, 64, 32  # clouds, points, centers, channels, neighbours
SCAN_POINTS, MAX_VOXELS, MAX_POINTS = 120_000, 20_000, 10
VOXEL_SIZE, BOX = torch.tensor([0.2, 0.2, 0.2]), torch.tensor([-50., -50, -3, 50, 50, 2])
GRID = (25, 500, 500)
int32 = functools.partial(torch.zeros, dtype=torch.int32)


class Case(NamedTuple):
    """A row of the table: the arrays ``comparable(*call(kernel))`` should be those of ``reference()``."""
    kernel: str
    size: str
    call: Callable[[Callable[..., Any]], Sequence[Any]]
    reference_name: str
    reference: Callable[[], Sequence[Any]]
    comparable: Callable[..., Sequence[Any]] = lambda *found: found


def filled(kernel: Callable[..., None], inputs: Sequence[Tensor], *outputs: Tensor, **sizes: Any) -> Sequence[Tensor]:
    kernel(*inputs, *outputs, **sizes)
    return outputs


def search_cases() -> List[Case]:
    xyz = torch.rand(B, N, 3)
    centers = xyz[:, :M].contiguous()

    def nearest(points, of, k):
        distances = np.stack([cKDTree(cloud).query(center, k)[0] for cloud, center in zip(points.numpy(), of.numpy())])
        return distances, distances

    def distances(points, of, idx, dist2):
        return (at_rows(points.transpose(1, 2), idx) - of.transpose(1, 2).unsqueeze(3)).norm(dim=1), dist2.sqrt()

    def balls():
        idx = np.zeros((B, M, K), np.int32)
        for cloud, center, found in zip(xyz.numpy(), centers.numpy(), idx):
            for rows, ball in zip(found, cKDTree(cloud).query_ball_point(center, 0.1, return_sorted=True)):
                rows[:] = ball[0]
                rows[:len(ball)] = ball[:K]
        return idx,

    def furthest():
        idx = np.zeros((B, M), np.int32)
        for points, rows in zip(xyz.transpose(1, 2).contiguous().numpy(), idx):
            nearest = np.full(N, np.inf, np.float32)
            for step in range(1, M):
                np.minimum(nearest, ((points - points[:, rows[step - 1], None])**2).sum(0), out=nearest)
                rows[step] = nearest.argmax()
        return idx,

    return [
        Case('knn', f'20 of {B} x {N}', lambda kernel: filled(
            kernel, (xyz, xyz), int32(B, N, 20), torch.zeros(B, N, 20), b=B, n=N, m=N, nsample=20),
            'cKDTree.query', lambda: nearest(xyz, xyz, 20), lambda idx, dist2: distances(xyz, xyz, idx, dist2)),
        Case('three_nn', f'{B} x {N} from {M}', lambda kernel: filled(
            kernel, (xyz, centers), torch.zeros(B, N, 3), int32(B, N, 3), b=B, n=N, m=M),
            'cKDTree.query', lambda: nearest(centers, xyz, 3), lambda dist2, idx: distances(centers, xyz, idx, dist2)),
        Case('ball_query', f'{K} within 0.1 of {B} x {M} in {N}', lambda kernel: filled(
            kernel, (centers, xyz), int32(B, M, K), b=B, n=N, m=M, min_radius=0., max_radius=0.1, nsample=K),
            'cKDTree.query_ball_point', balls),
        Case('furthest_point_sampling', f'{B} x {N} to {M}', lambda kernel: filled(
            kernel, (xyz, ), torch.full((B, N), 1e10), int32(B, M), b=B, n=N, m=M),
            'numpy loop', furthest, lambda nearest, idx: (idx, )),
    ]


def at_rows(features: Tensor, rows: Tensor) -> Tensor:
    """Features ``[B, C, N]`` of rows ``[B, ...]``, as ``[B, C, ...]``."""
    return torch.stack([cloud[:, row.long()] for cloud, row in zip(features, rows)])


def indexing_cases() -> List[Case]:
    features, weight = torch.rand(B, C, N), torch.rand(B, N, 3).softmax(2)
    triples = torch.randint(M, (B, N, 3), dtype=torch.int32)
    rows = torch.randint(N, (B, M, K), dtype=torch.int32)
    coarse, first = features[..., :M].contiguous(), rows[..., 0].contiguous()
    bank, scores = torch.rand(2, B, M, 8, 32), torch.rand(B, M // 2, K, 8)
    members = torch.randint(M, scores.shape[:3])

    def assembled():
        cloud = torch.arange(B)[:, None, None]
        return torch.einsum('bnkm,bnkmo->bonk', scores, bank[0, cloud, members] - bank[1, cloud, members[..., :1]]),

    return [
        Case('three_interpolate', f'{B} x {C} x {N} from {M}', lambda kernel: filled(
            kernel, (coarse, triples, weight), torch.empty(B, C, N), b=B, c=C, m=M, n=N),
            'torch indexing', lambda: ((at_rows(coarse, triples) * weight.unsqueeze(1)).sum(3), )),
        Case('group_points', f'{B} x {C} x {M} x {K} of {N}', lambda kernel: filled(
            kernel, (features, rows), torch.zeros(B, C, M, K), b=B, c=C, n=N, npoints=M, nsample=K),
            'torch indexing', lambda: (at_rows(features, rows), )),
        Case('gather_points', f'{B} x {C} x {M} of {N}', lambda kernel: filled(
            kernel, (features, first), torch.zeros(B, C, M), b=B, c=C, n=N, npoints=M),
            'torch indexing', lambda: (at_rows(features, first), )),
        Case('assign_score_withk', f'{B} x 32 x {M // 2} x {K} of {M}, 8 kernels', lambda kernel: filled(
            kernel, (*bank, scores, members), torch.zeros(B, 32, M // 2, K), B=B, N0=M, N1=M // 2, M=8, K=K, O=32,
            aggregate=0), 'torch.einsum', assembled),
    ]


def voxel_cases() -> List[Case]:
    # Points thin out with the distance, as a lidar's do; some are outside the box.
    angle, distance = 2 * torch.pi * torch.rand(SCAN_POINTS), 3 * torch.randn(SCAN_POINTS).exp()
    height, intensity = torch.randn(SCAN_POINTS) - 1, torch.rand(SCAN_POINTS)
    points = torch.stack([distance * angle.cos(), distance * angle.sin(), height, intensity], 1)
    feats = torch.rand(SCAN_POINTS, C)
    size, lower = VOXEL_SIZE.numpy(), BOX[:3].numpy()

    def voxels():
        coors = np.floor((points.numpy()[:, :3] - lower) / size).astype(np.int32)
        inside = ((coors >= 0) & (coors < GRID[::-1])).all(1, keepdims=True)
        return np.where(inside, coors, -1)[:, ::-1],

    coors = torch.from_numpy(voxels()[0].copy())

    def reduced(reduce):
        kept = (coors >= 0).all(1).numpy()
        keys = np.ravel_multi_index(tuple(coors.numpy()[kept].T), GRID)
        cells, rows, counts = np.unique(keys, return_inverse=True, return_counts=True)
        output = np.full((len(cells), C), -np.inf if reduce == 'max' else 0, np.float32)
        (np.maximum if reduce == 'max' else np.add).at(output, rows, feats.numpy()[kept])
        output /= 1 if reduce == 'max' else counts[:, None]
        return output, np.stack(np.unravel_index(cells, GRID), 1)

    def hard(kernel):
        *outputs, total = filled(
            kernel, (points, VOXEL_SIZE, BOX), torch.zeros(MAX_VOXELS, MAX_POINTS, 4), int32(MAX_VOXELS, 3),
            int32(MAX_VOXELS), torch.zeros((), dtype=torch.int64), max_points=MAX_POINTS, max_voxels=MAX_VOXELS,
            NDim=3, deterministic=True)
        return [output[:total] for output in outputs]

    return [
        *(Case('dynamic_point_to_voxel', f'{reduce} of {SCAN_POINTS} x {C}',
               lambda kernel, reduce=reduce: kernel(feats, coors, reduce)[:2], f'np.unique, {ufunc}.at',
               functools.partial(reduced, reduce)) for reduce, ufunc in (('max', 'np.maximum'), ('mean', 'np.add'))),
        Case('dynamic_voxelize', str(SCAN_POINTS), lambda kernel: filled(
            kernel, (points, VOXEL_SIZE, BOX), int32(SCAN_POINTS, 3), NDim=3), 'numpy', voxels),
        Case('hard_voxelize', f'{SCAN_POINTS} to {MAX_VOXELS} x {MAX_POINTS}', hard,
             'numpy and numba loop', lambda: first_points(points.numpy(), *voxels())),
    ]


@njit
def first_points(points: np.ndarray, coors_of_points: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = np.full(GRID, -1, np.int32)
    voxels, coors = np.zeros((MAX_VOXELS, MAX_POINTS, 4), np.float32), np.zeros((MAX_VOXELS, 3), np.int32)
    counts, total = np.zeros(MAX_VOXELS, np.int32), 0
    for row in range(len(points)):
        z, y, x = coors_of_points[row]
        if z >= 0 and number[z, y, x] < 0 and total < MAX_VOXELS:
            number[z, y, x] = total
            coors[total] = coors_of_points[row]
            total += 1
        voxel = number[z, y, x] if z >= 0 else -1
        if voxel >= 0 and counts[voxel] < MAX_POINTS:
            voxels[voxel, counts[voxel]] = points[row]
            counts[voxel] += 1
    return voxels[:total], coors[:total], counts[:total]


def difference(found: Sequence[Any], expected: Sequence[Any]) -> str:
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(found, expected)]
    if all(np.array_equal(a, b) for a, b in pairs):
        return 'equal'
    if all(a.dtype.kind == 'i' for a, _ in pairs):
        return f'{min((a == b).mean() for a, b in pairs):.3%} equal'
    return f'{max(np.abs(a.astype(float) - b).max() for a, b in pairs):.0e} apart'


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    extension = sys.modules['mmcv._ext']

    table = Table(title=f'Point kernels on the CPU, {args.threads} threads, milliseconds: least of {args.repeats}')
    for column in ('kernel', 'size', 'portable', 'reference', 'takes', 'ratio', 'compiled', 'results'):
        table.add_column(column, justify='right' if column in ('portable', 'takes', 'ratio', 'compiled') else 'left')
    for case in track([*search_cases(), *indexing_cases(), *voxel_cases()]):
        name = f'{case.kernel}_forward'
        kernels = [PORTABLE_KERNELS[name]]
        if name in COMPILED_FOR_CPU and not isinstance(extension, PortableExtension):
            kernels.append(getattr(extension, name))
        expected = case.reference()
        results = {difference(case.comparable(*case.call(kernel)), expected) for kernel in kernels}
        calls = [case.reference, *(functools.partial(case.call, kernel) for kernel in kernels)]
        times = milliseconds(calls, args.repeats)
        reference, portable, *compiled = (f'{ms:.1f}' for ms in times.min(1))
        table.add_row(case.kernel, case.size, portable, case.reference_name, reference,
                      f'{times[0].min() / times[1].min():.2f}', ''.join(compiled), ', '.join(results))
    console = Console()
    console.width = max(console.width, 150)  # rather than cut off names
    console.print(table)


def milliseconds(calls: Sequence[Callable[[], Any]], repeats: int) -> np.ndarray:
    """Of each ``[calls, repeats]``, called in turn."""
    times = np.empty((len(calls), repeats))
    for repeat in range(repeats):
        for taken, call in zip(times, calls):
            start = time.perf_counter()
            call()
            taken[repeat] = 1000 * (time.perf_counter() - start)
    return times


if __name__ == '__main__':
    main(args)
