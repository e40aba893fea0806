#!/usr/bin/env python
"""Everything that must hold on an accelerator, in one command: python tools/analysis_tools/check_device.py --out DIR

Kernels against the CPU, segmentors in training and against the CPU, mixed precision, two processes on one device, a
resumed training, and what ERDA costs there. All data are made. What fails does not stop the rest; the exit status is 1
then. Checks that would begin after --minutes are not run, and the report says so.
"""
import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Callable, Dict

from erda.command_start import stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cuda', help='what is checked (default: %(default)s)')
    parser.add_argument('--quick', action='store_true', help='small and short, to see that the checks themselves work')
    parser.add_argument('--minutes', type=float, default=20, help='no check begins later (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/check_device'), metavar='DIR',
                        help='check_device.json and check_device.md (default: %(default)s)')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import erda.registration  # noqa: F401  Before mmdet3d: installs the portable kernels.

# isort: split
import torch
from rich.console import Console

from erda.device_check.kernel_cases import kernel_cases
from erda.device_check.kernels import check_kernel
from erda.device_check.networks import (
    QUICK,
    Size,
    check_mixed_precision,
    check_segmentor,
    cost_of_erda,
    points_per_second,
)
from erda.device_check.processes import check_two_processes
from erda.device_check.report import run_checks, write_report
from erda.device_check.resume import check_resume


def main(args: argparse.Namespace) -> None:
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        stop(f'--device {args.device}: this machine has no CUDA device. --device cpu --quick tries the checks out.')
    device = torch.device(args.device)
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # for equal results of equal runs
    if device.type == 'cpu':
        torch.set_num_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # figures are compared
    results = run_checks(checks(device, QUICK if args.quick else Size()), 60 * args.minutes, Console())
    write_report(args.out, results, device)
    sys.exit(any(result.outcome == 'failed' for result in results))


def checks(device: torch.device, size: Size) -> Dict[str, Callable[[], str]]:
    """All of them by name, in their order."""
    found: Dict[str, Callable[[], str]] = {
        f'kernel, {case.name}': partial(check_kernel, case, device) for case in kernel_cases()}
    for name in size.segmentors:
        found[f'{name}, stock kernels'] = partial(check_segmentor, name, device, size, False)
        found[f'{name}, portable kernels'] = partial(check_segmentor, name, device, size, True)
    network = size.segmentors[0]
    found['mixed precision'] = partial(check_mixed_precision, network, device, size)
    found['two processes on one device'] = partial(check_two_processes, network, device, size)
    found['a resumed training'] = partial(check_resume, device, size)
    for points in size.timed:
        found[f'what ERDA costs, {points:,} points'] = partial(cost_of_erda, points, device, size)
    found['points a second'] = partial(points_per_second, device, size)
    return found


if __name__ == '__main__':
    main(args)
