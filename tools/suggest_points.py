#!/usr/bin/env python
"""Suggest which points to label next: python tools/suggest_points.py FILE... --budget 200 -o DIR.

Without a network the points are spread out in space. With --config and --checkpoint they are those that the network is
unsure of, different in its features and spread out in space. Fill in the column "class" of DIR/suggested_points.csv,
and use it as clicks; open DIR/*.ply beside the clouds to see the points.
"""
import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import List, Optional, Sequence

import torch
from rich.console import Console
from rich.table import Table

import erda  # noqa: F401  Before the config is read: registers everything and installs the portable kernels.
from erda.clouds.description import DESCRIPTION, read_description
from erda.command_line import add_columns_argument, stop
from erda.config import ConfigError, load_config
from erda.files.data_error import DataError
from erda.files.progress import Progress
from erda.inference.errors import InferenceError
from erda.inference.segmentor import Segmentor
from erda.inference.suggestion import labels_in_files, name_files, suggest_points
from erda.weak_labels.click_labels import ClickError, read_clicks
from erda.weak_labels.suggestion_files import TABLE, write_suggestions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('inputs', nargs='+', type=Path, metavar='FILE',
                        help='files, or folders: the training files of erda.yaml, or all files if there is none')
    parser.add_argument('--budget', type=int, required=True, help='number of points of all files together')
    parser.add_argument('-o', '--out', type=Path, required=True, metavar='DIR', help='folder of the suggestions')
    add_columns_argument(parser)
    parser.add_argument('--config', help='config of a trained network')
    parser.add_argument('--checkpoint', help='its checkpoint')
    parser.add_argument('--clicks', type=Path, metavar='FILE', help='points that are labelled already, CSV or JSON')
    parser.add_argument('--simulate', action='store_true',
                        help='fill in the classes from the label field of the one folder given, to try things out')
    parser.add_argument('--voxel-size', type=float, default=0.2, metavar='METRES',
                        help='suggestions are at least about this far apart (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='decides between equally good points')
    parser.add_argument('--overwrite', action='store_true', help=f'replace a {TABLE} that exists')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu',
                        help='where the network runs (default: %(default)s)')
    args = parser.parse_args()
    if args.budget < 1 or args.voxel_size <= 0:
        parser.error('--budget and --voxel-size must be positive')
    if (args.config is None) != (args.checkpoint is None):
        parser.error('--config and --checkpoint belong together')
    if args.simulate and (len(args.inputs) != 1 or not args.inputs[0].is_dir()):
        parser.error('--simulate needs one folder with erda.yaml')
    return args


def main() -> None:
    args = parse_args()
    logging.basicConfig(format='%(message)s')
    if (args.out / TABLE).exists() and not args.overwrite:
        # It may hold somebody's labels by now.
        stop(f'{args.out / TABLE} exists. Choose another folder with -o, or give --overwrite.')
    console = Console()
    try:
        files = name_files(args.inputs)
        segmentor = None
        if args.config:
            segmentor = Segmentor(load_config(args.config), args.checkpoint, args.device)
        clicks = read_clicks(args.clicks, class_names(args.inputs, segmentor)) if args.clicks else []
        with Progress(console=console) as progress:
            bar = progress.add_task('files', total=len(files))
            points = suggest_points(files, args.budget, clicks, segmentor, args.voxel_size, args.seed,
                                    lambda: progress.advance(bar), args.columns or described_columns(args.inputs))
        classes = labels_in_files(points, files, args.inputs[0]) if args.simulate else None
    except (ConfigError, DataError, InferenceError, ClickError, OSError) as error:
        stop(str(error))
    names = list(files)
    written = write_suggestions(args.out, points, names, classes)
    table = Table('file', 'suggested points', title=f'{len(points.index)} points to label')
    for number, count in sorted(Counter(points.file.tolist()).items()):
        table.add_row(names[number], str(count))
    console.print(table)
    if len(points.index) < args.budget:
        console.print(f'There are no more than {len(points.index)} voxels of {args.voxel_size:g} m without a click.')
    if args.simulate:
        console.print(f'{sum(map(bool, classes))} points have a class from their file, in {written[0]}.')
    else:
        console.print(f'Fill in the column "class" of {written[0]}.')
    console.print(f'To see the points, open {args.out}/*.suggested.ply.')


def described_columns(inputs: List[Path]) -> Optional[Sequence[str]]:
    """The columns of .bin files, if a description says."""
    described = [read_description(folder / DESCRIPTION) for folder in inputs if (folder / DESCRIPTION).is_file()]
    return next((description.columns for description in described if description.columns), None)


def class_names(inputs: List[Path], segmentor: Optional[Segmentor]) -> Optional[List[str]]:
    """The names that clicks may use, if a network or a description says."""
    if segmentor is not None:
        return segmentor.inputs.classes
    described = [folder for folder in inputs if (folder / DESCRIPTION).is_file()]
    return list(read_description(described[0] / DESCRIPTION).classes) if described else None


if __name__ == '__main__':
    main()
