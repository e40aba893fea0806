#!/usr/bin/env python
"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT. Prints the IoU of each class and the mean."""
import argparse
import os
import sys
from pathlib import Path

from mmengine.config import ConfigDict, DictAction
from mmengine.runner import Runner

import erda  # noqa: F401  Before the config is read: registers everything and installs the portable kernels.
from erda.config import ConfigError, load_config
from erda.datasets.availability import missing_data
from erda.evaluation.metrics_file import write_metrics


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs; work_dirs/CONFIG by default')
    parser.add_argument('--out', type=Path, metavar='DIR', help='also write the metrics to DIR/metrics.json')
    parser.add_argument('--tta', action='store_true', help='average predictions over flips, rotations and scales')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='override settings of the config')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help='set by the launcher')
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    try:
        cfg = load_config(args.config, args.work_dir, args.cfg_options, args.launcher)
    except ConfigError as error:
        stop(str(error))
    if '://' not in args.checkpoint and not os.path.isfile(args.checkpoint):
        stop(f'The checkpoint {args.checkpoint} does not exist.')
    if message := missing_data(cfg, 'test_dataloader'):
        stop(message)
    cfg.load_from = args.checkpoint
    if args.tta:
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    metrics = Runner.from_cfg(cfg).test()
    if args.out:
        write_metrics(args.out / 'metrics.json', metrics, args.config, args.checkpoint)


def stop(message: str) -> None:
    print(message, file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
    main()
