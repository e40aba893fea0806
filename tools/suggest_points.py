#!/usr/bin/env python
"""Suggest which points to label next: python tools/suggest_points.py FOLDER --budget 200.

Without a network the points are spread out in space. With --config and --checkpoint they are those that the network is
unsure of, different in its features and spread out in space. Isolated points are left out. Fill in the column "class"
of DIR/round_1.csv, and open DIR/*.ply beside the clouds to see the points. Of a folder with erda.yaml DIR is the folder
of its clicks, which training reads round by round; points that have a click are not suggested again.
"""
import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from erda.command_start import add_columns, stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('inputs', nargs='+', type=Path, metavar='FILE',
                        help='files, or folders: the training files of erda.yaml, or all files if there is none')
    parser.add_argument('--budget', type=int, required=True, help='number of points of all files together')
    parser.add_argument('-o', '--out', type=Path, metavar='DIR',
                        help='folder of the suggestions (default: that of the clicks in erda.yaml)')
    add_columns(parser)
    parser.add_argument('--config', help='config of a trained network')
    parser.add_argument('--checkpoint', help='its checkpoint')
    parser.add_argument('--clicks', type=Path, nargs='+', metavar='PATH',
                        help='points that are labelled already: tables, folders of them or patterns (default: those of '
                        'erda.yaml)')
    parser.add_argument('--simulate', action='store_true',
                        help='fill in the classes from the label field of the one folder given, to try things out')
    parser.add_argument('--voxel-size', type=float, default=0.2, metavar='METRES',
                        help='suggestions are at least about this far apart (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='decides between equally good points')
    parser.add_argument('--overwrite', action='store_true', help='replace the last round if it has no class yet')
    parser.add_argument('--device', help='where the network runs (default: cuda if there is one, else cpu)')
    args = parser.parse_args()
    if args.budget < 1 or args.voxel_size <= 0:
        parser.error('--budget and --voxel-size must be positive')
    if (args.config is None) != (args.checkpoint is None):
        parser.error('--config and --checkpoint belong together')
    if args.simulate and (len(args.inputs) != 1 or not args.inputs[0].is_dir()):
        parser.error('--simulate needs one folder with erda.yaml')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import torch
from rich.console import Console
from rich.table import Table

import erda.registration  # noqa: F401  Before the config is read: registers all, fills in kernels.
from erda.clouds.click_files import ClickClasses, click_values, find_click_files, is_filled_in, read_clicks
from erda.clouds.clicks import click_classes, files_of_splits, folder_of_rounds
from erda.clouds.description import DESCRIPTION, Description, read_description
from erda.config import ConfigError, load_config
from erda.files.data_error import DataError
from erda.files.progress import Progress
from erda.inference.errors import InferenceError
from erda.inference.segmentor import Segmentor
from erda.inference.suggestion import labels_in_files, name_files, suggest_points
from erda.weak_labels.click_labels import Click, ClickError
from erda.weak_labels.suggestion_files import (
    CLOUD_SUFFIX,
    in_order,
    next_round,
    round_tables,
    write_suggestions,
)


def main(args: argparse.Namespace) -> None:
    logging.basicConfig(format='%(message)s')
    console = Console()
    try:
        description = next((read_description(folder / DESCRIPTION) for folder in args.inputs
                            if (folder / DESCRIPTION).is_file()), None)
        files = name_files(args.inputs)
        table = table_to_write(args, description)
        segmentor = None
        if args.config:
            device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
            segmentor = Segmentor(load_config(args.config), args.checkpoint, device)
        clicks, allowed = clicks_so_far(args, description, files, segmentor, table)
        with Progress(console=console) as progress:
            bar = progress.add_task('files', total=len(files))
            columns = args.columns or (description.columns if description else None)
            points = in_order(suggest_points(files, args.budget, clicks, segmentor, args.voxel_size, args.seed,
                                             lambda: progress.advance(bar), columns))
        classes = labels_in_files(points, files, args.inputs[0]) if args.simulate else None
        names = list(files)
        written = write_suggestions(table, points, names, classes, allowed)
    except (ConfigError, DataError, InferenceError, OSError) as error:
        stop(str(error))
    counts = Table('file', 'suggested points', title=f'{len(points.index)} points to label')
    for number, count in sorted(Counter(points.file.tolist()).items()):
        counts.add_row(names[number], str(count))
    console.print(counts)
    if len(points.index) < args.budget:
        console.print(f'There are no more than {len(points.index)} voxels of {args.voxel_size:g} m without a click.')
    if classes is not None:
        print(f'{sum(map(bool, classes))} points have a class from their file, in {written[0]}.')
    else:
        print(f'Fill in the column "class" of {written[0]}' + (f' with one of: {allowed}.' if allowed else '.'))
    print(f'To see the points, open {table.parent}/{table.stem}_*{CLOUD_SUFFIX}.')


def table_to_write(args: argparse.Namespace, description: Optional[Description]) -> Path:
    """The next round of the folder of clicks, or the last one again if it is to be replaced.

    Raises:
        ClickError: if nobody has filled in the last one.
        InferenceError: if no folder is named.
    """
    folder = args.out or (folder_of_rounds(description) if description else None)
    if folder is None:
        raise InferenceError('No folder of clicks is known: name one with -o.')
    tables = round_tables(folder)
    if tables and not is_filled_in(tables[-1]):
        if not args.overwrite:
            raise ClickError(f'{tables[-1]} has no class yet. Fill it in, or replace it with --overwrite.')
        return tables[-1]
    return next_round(folder)


def clicks_so_far(args: argparse.Namespace, description: Optional[Description], files: Dict[str, Path],
                  segmentor: Optional[Segmentor], table: Path) -> Tuple[Dict[str, List[Click]], str]:
    """The clicks of each file, and the classes to choose from as text."""
    given = args.clicks or (description.clicks if description else ())
    tables = [path for path in find_click_files(given) if path.resolve() != table.resolve()]
    if description:
        classes = click_classes(description)
    elif segmentor:
        inputs = segmentor.inputs
        classes = ClickClasses(inputs.classes, {code: label for label, code in enumerate(inputs.raw_values)})
    else:
        classes = ClickClasses(list(click_values(tables)))  # all names are fine
    clouds = {**(files_of_splits(description) if description else {}), **files}
    allowed = classes.described() if description or segmentor else ''
    return read_clicks(tables, classes, clouds, may_be_none=True).clicks, allowed


if __name__ == '__main__':
    main(args)
