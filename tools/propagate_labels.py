#!/usr/bin/env python
"""Label point cloud files from clicks alone: python tools/propagate_labels.py INPUT... -o DIR.

Labels travel along surfaces: each point gets the class of the click that is nearest on the surface, in seconds and
without a network. Each output has every point and attribute of its input, the class in the field 'classification' of
LAS and LAZ files, in a .label file beside .bin files, and in 'predicted_class' elsewhere, and its confidence.
DIR/classes.csv says which number is which class. A field that the input has stays: a new one takes another name, which
is printed.

The same call again does what is not done yet. Under torchrun, or in a job array (tools/slurm_infer.sh), each process
labels its share of the files.
"""
import argparse
from pathlib import Path

from erda.command_start import add_columns, stop

MAX_POINTS = 500_000  # as in erda, which takes seconds to import


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('inputs', nargs='+', type=Path, metavar='INPUT', help='files, or folders of files')
    parser.add_argument('-o', '--out', type=Path, required=True, metavar='DIR', help='folder of the labelled files')
    parser.add_argument('--clicks', type=Path, nargs='+', metavar='PATH',
                        help='labelled points, tables or folders (default: those of erda.yaml in the folder)')
    parser.add_argument('--min-confidence', type=float, default=0., metavar='P',
                        help='points with a lower confidence stay unlabelled (default: %(default)s)')
    parser.add_argument('--voxel-size', type=float, metavar='METRES',
                        help='detail of the surfaces (default: 0.1 for dense street scans, 0.3 for others)')
    parser.add_argument('--max-points', type=int, default=MAX_POINTS,
                        help='points of a block, margin included; less takes less memory (default: %(default)s)')
    add_columns(parser)
    parser.add_argument('--overwrite', action='store_true', help='replace outputs that exist, also complete ones')
    args = parser.parse_args()
    if not 0 <= args.min_confidence <= 1:
        parser.error('--min-confidence must be from 0 to 1')
    if (args.voxel_size or 1) <= 0 or args.max_points < 1:
        parser.error('--voxel-size and --max-points must be positive')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import erda.registration  # noqa: F401  Installs what mmdet3d lacks here.
from erda.clouds.click_files import find_click_files
from erda.files.data_error import DataError
from erda.inference.batch_records import BatchRecords
from erda.inference.class_codes import output_codes, write_legend
from erda.inference.errors import InferenceError
from erda.inference.file_batch import Advance, Say, begin_batch, end_with, label_files
from erda.inference.file_pairs import file_pairs
from erda.inference.processes import this_process
from erda.inference.propagated_file import propagate_file, read_clicked_files


def main(args: argparse.Namespace) -> None:
    try:
        process, pairs = this_process(), file_pairs(args.inputs, args.out)
        # A table of clicks looks like a table of points.
        tables = {path.resolve() for path in find_click_files(args.clicks)} if args.clicks else set()
        pairs = [pair for pair in pairs if pair.source.resolve() not in tables]
        sources = [source for source, _ in pairs]
        clicked = read_clicked_files(args.inputs, sources, args.clicks)
        clicked = clicked._replace(values=output_codes(clicked.classes, clicked.values, sources),
                                   columns=args.columns or clicked.columns)
        settings = dict(command='propagate_labels', clicked=repr(clicked), voxel_size=args.voxel_size,
                        min_confidence=args.min_confidence, max_points=args.max_points)
        batch = begin_batch(pairs, BatchRecords(args.out, settings), process, args.overwrite)
        legend = write_legend(args.out, clicked.classes, clicked.values, args.overwrite)
    except (DataError, InferenceError, OSError) as error:  # OSError: a folder that cannot be written
        stop(str(error))
    print(f'{sum(map(len, clicked.clicks.values()))} clicks. {legend} says which number is which class; '
          f'{clicked.unlabelled} is no label.')

    def label(source: Path, target: Path, advance: Advance, say: Say) -> None:
        for remark in propagate_file(source, target, clicked, args.min_confidence, args.voxel_size, args.max_points,
                                     advance=advance, inform=say):
            say(f'{source}: {remark}')

    end_with(label_files(batch, label, args.max_points), batch)


if __name__ == '__main__':
    main(args)
