#!/usr/bin/env python
"""Draw the weak labels of a config's training set once and store their masks, check stored ones, or count them.

python tools/make_weak_labels.py CONFIG -o DIR             write masks.bin and manifest.json; go on if interrupted
python tools/make_weak_labels.py CONFIG -o DIR --verify    draw the labels again and compare
python tools/make_weak_labels.py CONFIG --stats [-o DIR]   print labels per class and scan; with -o, draw them too

Train with the stored masks: --cfg-options train_dataloader.dataset.masks=DIR
"""
import argparse
from pathlib import Path

from erda.command_start import add_config, stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser)
    parser.add_argument('-o', '--out', type=Path, metavar='DIR', help='folder of the masks, and of the picture')
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument('--verify', action='store_true', help='compare the masks in DIR with a fresh draw')
    mode.add_argument('--stats', action='store_true', help='count labels instead of storing masks')
    args = parser.parse_args()
    if args.out is None and not args.stats:
        parser.error('name a folder with -o DIR')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

from mmengine.config import Config
from rich.console import Console

import erda.registration  # noqa: F401  Before the config is read: registers all, fills in kernels.
from erda.command_line import config_options, stop_at_bad_settings
from erda.config import ConfigError, load_config
from erda.datasets.availability import missing_data
from erda.evaluation.label_statistics import label_statistics, statistics_table
from erda.evaluation.label_statistics_picture import save_statistics_picture
from erda.evaluation.training_set import build_training_set, segmentor_voxel_size
from erda.weak_labels import WeakLabelDataset, verify_masks, write_masks

PICTURE = 'label_statistics.png'


def main(args: argparse.Namespace) -> None:
    try:
        cfg = load_config(args.config, cfg_options=config_options(args.cfg_options))
        if message := missing_data(cfg, 'train_dataloader'):
            stop(message)
        with stop_at_bad_settings(args.config):
            if args.stats:
                count(cfg, args.out)
            else:
                store(cfg, args.out, args.verify)
    except (ConfigError, ValueError, OSError) as error:  # OSError: no permission, a full disk
        stop(str(error))


def count(cfg: Config, folder: Path) -> None:
    statistics = label_statistics(build_training_set(cfg), segmentor_voxel_size(cfg))
    console = Console()
    for counts in statistics:
        console.print(statistics_table(counts))
        if counts.without_label:
            console.print(f'Without any label: {", ".join(counts.without_label)}')
    if folder:
        save_statistics_picture(folder / PICTURE, statistics)
        console.print(f'Picture: {folder / PICTURE}')


def store(cfg: Config, folder: Path, verify: bool) -> None:
    dataset = drawn_training_set(cfg)
    if verify:
        print(f'{folder}: the masks of {verify_masks(dataset, folder)} scans are those of {dataset.budget}, '
              f'seed {dataset.seed}')
        return
    totals = write_masks(dataset, folder, segmentor_voxel_size(cfg))
    print(f'{folder}: {dataset.budget}, seed {dataset.seed}: {totals.labels} of {totals.points} points are labelled')
    if totals.voxels is not None:
        print(f'and {totals.labelled_voxels} of {totals.voxels} occupied voxels hold a label')


def drawn_training_set(cfg: Config) -> WeakLabelDataset:
    """The training set with its budget, also where the config trains with stored masks."""
    cfg.train_dataloader.dataset.pop('masks', None)
    return build_training_set(cfg)


if __name__ == '__main__':
    main(args)
