#!/usr/bin/env python
"""Bring a data set into the form that the configs expect: python tools/prepare_data.py NAME, see NAME --help."""
import argparse
import sys
from pathlib import Path

from erda.datasets.availability import SYNTHETIC_ROOT
from erda.datasets.semantickitti import VAL_SEQUENCE, prepare_semantickitti
from erda.datasets.synthetic_lidar import write_synthetic_semantickitti

SYNTHETIC_TRAIN = [f'{street:02d}' for street in range(8)]
SYNTHETIC_VAL = ['08', '09']


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)

    kitti = commands.add_parser('semantickitti', help='check SemanticKITTI scans and write their info files')
    kitti.add_argument('root', type=Path, nargs='?', default=Path('data/semantickitti'),
                       help='folder that holds sequences/ (default: %(default)s)')
    kitti.add_argument('--val', nargs='+', default=[VAL_SEQUENCE], metavar='SS',
                       help=f'validation sequences (default: {VAL_SEQUENCE})')
    kitti.set_defaults(run=semantickitti)

    synthetic = commands.add_parser('synthetic-lidar', help='make street scans in the layout of SemanticKITTI')
    synthetic.add_argument('root', type=Path, nargs='?', default=Path(SYNTHETIC_ROOT),
                           help='folder to write (default: %(default)s)')
    synthetic.add_argument('--frames', type=int, default=8, help='scans of each street (default: %(default)s)')
    synthetic.add_argument('--seed', type=int, default=0, help='another seed, other streets (default: %(default)s)')
    synthetic.add_argument('--workers', type=int, default=2, help='processes (default: %(default)s)')
    synthetic.set_defaults(run=synthetic_lidar)
    return parser.parse_args()


def semantickitti(args: argparse.Namespace) -> None:
    counts = prepare_semantickitti(args.root, args.val)
    print(f'Info files written to {args.root}: ' + ', '.join(f'{count} {split}' for split, count in counts.items()))


def synthetic_lidar(args: argparse.Namespace) -> None:
    frames = dict.fromkeys(SYNTHETIC_TRAIN + SYNTHETIC_VAL, args.frames)
    written = write_synthetic_semantickitti(args.root, frames, seed=args.seed, workers=args.workers)
    print(f'{written} scans made, {sum(frames.values()) - written} were there')
    args.val = SYNTHETIC_VAL
    semantickitti(args)


def main() -> None:
    args = parse_args()
    try:
        args.run(args)
    except ValueError as error:
        sys.exit(f'{error}')


if __name__ == '__main__':
    main()
