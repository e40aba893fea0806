#!/usr/bin/env python
"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT. Prints the IoU of each class and the mean."""
import argparse
import os
from pathlib import Path

from mmengine.config import ConfigDict
from mmengine.runner import Runner

import erda  # noqa: F401  Before the config is read: registers everything and installs the portable kernels.
from erda.command_line import add_runner_arguments, read_config, stop
from erda.datasets.availability import missing_data
from erda.evaluation.metrics_file import write_metrics


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_runner_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', type=Path, metavar='DIR', help='also write the metrics to DIR/metrics.json')
    parser.add_argument('--tta', action='store_true', help='average predictions over flips, rotations and scales')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args)
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


if __name__ == '__main__':
    main()
