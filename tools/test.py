#!/usr/bin/env python
"""Test checkpoints: IoU and accuracy of each class, and the labels that the training saw.

    python tools/test.py CONFIG CHECKPOINT
    python tools/test.py CONFIG CHECKPOINT CHECKPOINT --names sparse-only ERDA --out results --table README.md:mini

Several checkpoints give one table with a column for each. --table puts it between the lines <!-- test: NAME --> and
<!-- /test --> of a Markdown file. The numbers are those of mmdet3d's SegMetric, which the configs name, from confusion
matrices that are counted scan by scan; mIoU is the mean over the classes that occur.

There are two numbers: "new scenes" are the test data; "your clouds" are the training scans, each predicted whole, on
the points whose label training did not see.
"""
import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

from erda.command_start import add_config, add_run, stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser)
    add_run(parser)
    parser.add_argument('checkpoints', nargs='+', metavar='CHECKPOINT',
                        help='checkpoint file, or erda://NAME of a published model')
    parser.add_argument('--names', nargs='+', metavar='NAME', help='names of the checkpoints in the table '
                        '(default: what differs in their paths)')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='write metrics.json and metrics.md there; of several checkpoints metrics.md and NAME/...')
    parser.add_argument('--table', metavar='FILE[:NAME]',
                        help='renew the table of that name in a Markdown file (default: the name of the config)')
    parser.add_argument('--save-predictions', type=Path, metavar='DIR',
                        help="write .label files in the layout of SemanticKITTI's benchmark, or PLY for other data; of "
                        'several checkpoints to DIR/NAME')
    parser.add_argument('--new-scenes-only', action='store_true',
                        help='leave out the hidden labels of the training scans, which take as long as those scans do')
    parser.add_argument('--prior-exponent', type=float, metavar='BETA',
                        help='probabilities on your clouds are multiplied by the labels of training, propagated along '
                        "surfaces, to this power (default: the config's decode_head.prior_exponent, or 0)")
    parser.add_argument('--tta', action='store_true', help='average predictions over flips, rotations and scales')
    args = parser.parse_args()
    if (args.prior_exponent or 0) < 0:
        parser.error('--prior-exponent must not be negative')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

from mmengine.config import Config
from rich.console import Console

import erda.registration  # noqa: F401  Before the config is read: registers all, fills in kernels.
from erda.clouds.feature_ranges import META_KEY, FeatureRange, from_plain
from erda.command_line import read_config, stop_at_bad_settings
from erda.datasets.availability import missing_data
from erda.evaluation.checkpoint_test import build_test_set, config_for_test, has_labels, run_test, weights_sha256
from erda.evaluation.dataset_ranges import far_scans
from erda.evaluation.hidden_label_test import NoHiddenLabels, config_for_hidden_labels
from erda.evaluation.marked_table import find_marked, update_marked
from erda.evaluation.test_report import (
    CheckpointResult,
    YourClouds,
    as_report,
    as_screen_table,
    by_job,
    config_sha256,
    folder_name,
    notes,
    short_names,
    write_report,
)
from erda.evaluation.trained_labels import TrainedLabels, count_labels, trained_labels
from erda.files.data_error import DataError
from erda.zoo.checkpoint_file import read_checkpoint
from erda.zoo.checkpoint_fit import check_weights

MAX_WARNINGS = 5


def main(args: argparse.Namespace) -> None:
    cfg = read_config(args)
    try:
        with stop_at_bad_settings(args.config):
            test(args, cfg)
    except OSError as error:  # no permission, a full disk
        stop(f'{error}.')


def test(args: argparse.Namespace, cfg: Config) -> None:
    """Test the checkpoints, print the table and write what is asked for."""
    if message := missing_data(cfg, 'test_dataloader'):
        stop(message)
    try:
        names = checkpoint_names(args)
        table = marked_table(args)
        dataset = build_test_set(cfg)
        check_labels(has_labels(dataset), args)
        test_cfg = config_for_test(cfg, dataset, args.tta)
        for checkpoint in args.checkpoints:
            warn_of_ranges(dataset, from_plain(check_weights(cfg, checkpoint).get(META_KEY)), checkpoint)
    except ValueError as error:  # of data, checkpoints and marks: messages for a person
        stop(str(error))
    results, console = [], Console()
    command = shlex.join(['python', *sys.argv])
    counted: Dict[str, TrainedLabels] = {}
    for name, checkpoint in zip(names, args.checkpoints):
        folder = args.save_predictions
        if folder and len(names) > 1:
            folder /= folder_name(name)
        try:
            labels = labels_of(checkpoint, cfg, counted)
            clouds = None
            if has_labels(dataset) and not args.new_scenes_only:
                exponent = prior_exponent(args, cfg)
                clouds = test_your_clouds(test_cfg, checkpoint, labels, exponent)
            confusion = run_test(test_cfg, checkpoint, folder)
        except DataError as error:
            stop(error.plain_message)
        if confusion is None:  # no labels, or another process
            continue
        results.append(
            CheckpointResult(name, checkpoint, weights_sha256(checkpoint), args.config, config_sha256(cfg),
                             list(dataset.metainfo['label2cat'].values()), dataset.metainfo['ignore_index'], confusion,
                             len(dataset), args.tta, labels, clouds))
        if len(names) > 1:
            console.print(name, markup=False, highlight=False)
            console.print(as_screen_table(results[-1:]))
    if not results:
        return
    jobs = by_job(results)
    for job, of_job in jobs.items():
        console.print(as_screen_table(of_job, f'{job}: IoU in percent' if len(jobs) > 1 else 'IoU in percent'))
    for line in notes(results, command):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if args.out:
        write_report(args.out, results, command)
    if table:
        update_marked(*table, as_report(results, command))


def prior_exponent(args: argparse.Namespace, cfg: Config) -> float:
    """How much propagated labels count in predictions of your clouds: as much as in training, if nobody says."""
    if args.prior_exponent is not None:
        return args.prior_exponent
    return cfg.model.decode_head.get('prior_exponent', 0.0)


def test_your_clouds(test_cfg: Config, checkpoint: str, labels: TrainedLabels,
                     exponent: float) -> Union[YourClouds, str, None]:
    """The test on hidden labels of the training scans, or why there is none; ``None`` in another process."""
    try:
        cfg = config_for_hidden_labels(test_cfg, labels, exponent)
    except NoHiddenLabels as error:
        return str(error)
    print('Your clouds: the training scans, where training saw no label (--new-scenes-only leaves them out)')
    confusion = run_test(cfg, checkpoint)
    return confusion if confusion is None else YourClouds(confusion, len(build_test_set(cfg)), exponent)


def warn_of_ranges(dataset: Any, trained: Dict[str, FeatureRange], checkpoint: str) -> None:
    """Say which of the files that are looked at are far from what the checkpoint was trained on."""
    far = far_scans(dataset, trained) if trained else []
    for sentence in far[:MAX_WARNINGS]:
        print(f'{checkpoint}: {sentence}', file=sys.stderr)
    if len(far) > MAX_WARNINGS:
        print(f'{checkpoint}: and {len(far) - MAX_WARNINGS} more like these.', file=sys.stderr)


def checkpoint_names(args: argparse.Namespace) -> List[str]:
    """A name for each checkpoint."""
    names = args.names or short_names(args.checkpoints)
    if len(names) != len(args.checkpoints) or len({folder_name(name) for name in names}) < len(names):
        raise ValueError(f'{len(args.checkpoints)} checkpoints need as many different --names.')
    return names


def marked_table(args: argparse.Namespace) -> Optional[Tuple[Path, str]]:
    """File and block of ``--table``, found before hours of testing."""
    if args.table is None:
        return None
    file, colon, name = args.table.rpartition(':')
    path, block = Path(file if colon else name), f'test: {name if colon else Path(args.config).stem}'
    find_marked(path, block)
    return path, block


def check_labels(has_labels: bool, args: argparse.Namespace) -> None:
    """Without a ground truth there is nothing but predictions."""
    if not has_labels and (args.out or args.table or not args.save_predictions):
        raise ValueError('The test data have no labels, so there is nothing to compare with and no table. Give '
                         '--save-predictions DIR alone.')


def labels_of(checkpoint: str, cfg: Config, counted: Dict[str, TrainedLabels]) -> TrainedLabels:
    """The labels of a checkpoint, each kind counted once."""
    meta = read_checkpoint(checkpoint).get('meta')
    labels = trained_labels(meta if isinstance(meta, dict) else {}, cfg)
    key = json.dumps([labels.budget, labels.seed])
    if key not in counted:
        counted[key] = count_labels(labels, cfg)
    return labels._replace(count=counted[key].count)


if __name__ == '__main__':
    main(args)
