#!/usr/bin/env python
"""Train a segmentor: python tools/train.py CONFIG, with mmengine's usual arguments."""
import argparse
import errno
import sys
from typing import Optional

from erda.command_start import add_config, add_run, stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config(parser)
    add_run(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument('--steps', type=int, metavar='N', help='train for N steps: length, schedule and validation')
    length.add_argument('--epochs', type=int, metavar='N', help='the same for a config that counts epochs')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='go on from a checkpoint, by default from the latest in the work dir')
    parser.add_argument('--amp', action='store_true',
                        help='train in mixed precision: float16 on a GPU, bfloat16 on a CPU that has it')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate to the batch size over all GPUs')
    args = parser.parse_args()
    if any(number is not None and number < 1 for number in (args.steps, args.epochs)):
        parser.error('--steps and --epochs must be at least 1')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import find_latest_checkpoint

import erda.registration  # noqa: F401  Before the config is read: registers all, fills in kernels.
from erda.command_line import check_mixed_precision, read_config, stop_at_bad_settings
from erda.datasets.availability import missing_data
from erda.evaluation.confusion_metric import with_confusion_matrices
from erda.evaluation.quiet_runner import QuietRunner
from erda.files.data_error import DataError
from erda.hooks import TrainingError, add_training_hooks
from erda.schedule import check_length, set_length
from erda.zoo.checkpoint_fit import check_training_start
from erda.zoo.errors import CheckpointError

NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def going_on(work_dir: str) -> str:
    """What to do once the reason for a stop is gone."""
    checkpoint = find_latest_checkpoint(work_dir)
    return f'--resume goes on from {checkpoint}.' if checkpoint else 'There is no checkpoint yet to go on from.'


def main(args: argparse.Namespace) -> None:
    cfg = read_config(args)
    if args.amp:
        on_gpu = torch.cuda.is_available()
        check_mixed_precision('cuda' if on_gpu else 'cpu')
        cfg.optim_wrapper.update(dict(type='AmpOptimWrapper', loss_scale='dynamic') if on_gpu else
                                 dict(type='Bfloat16OptimWrapper'))
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            stop(f'--auto-scale-lr needs auto_scale_lr.base_batch_size in {args.config}.')
        cfg.auto_scale_lr.enable = True
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    with stop_at_bad_settings(args.config):
        if args.steps or args.epochs:
            set_length(cfg, args.steps or args.epochs, 'steps' if args.steps else 'epochs')
        warn(check_length(cfg))
        if message := missing_data(cfg, 'train_dataloader', 'val_dataloader'):
            stop(message)
        try:
            warn(check_training_start(cfg))
        except CheckpointError as error:
            stop(str(error))
        add_training_hooks(cfg)
        if cfg.get('val_evaluator'):
            cfg.val_evaluator = with_confusion_matrices(cfg.val_evaluator)
        train(cfg)


def warn(message: Optional[str]) -> None:
    if message:
        print(message, file=sys.stderr)


def train(cfg: Config) -> None:
    """Run the training; what ends it is a message and how to go on."""
    try:
        QuietRunner.from_cfg(cfg).train()
    except DataError as error:
        stop(f'{error.plain_message} {going_on(cfg.work_dir)}')
    except TrainingError as error:
        stop(f'{error} {going_on(cfg.work_dir)}')
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        stop(f'{error.filename or cfg.work_dir} cannot be written: {error.strerror}. {going_on(cfg.work_dir)}')


if __name__ == '__main__':
    main(args)
