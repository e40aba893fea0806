#!/usr/bin/env python
"""Bring a data set into the form that the configs expect: python tools/prepare_data.py NAME, see NAME --help."""
import argparse
import sys
from pathlib import Path

from erda.datasets.semantickitti import VAL_SEQUENCE, DataError, prepare_semantickitti


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)

    kitti = commands.add_parser('semantickitti', help='check SemanticKITTI scans and write their info files')
    kitti.add_argument('root', type=Path, nargs='?', default=Path('data/semantickitti'),
                       help='folder that holds sequences/ (default: %(default)s)')
    kitti.add_argument('--val', nargs='+', default=[VAL_SEQUENCE], metavar='SS',
                       help=f'validation sequences (default: {VAL_SEQUENCE})')
    kitti.set_defaults(run=semantickitti)
    return parser.parse_args()


def semantickitti(args: argparse.Namespace) -> None:
    counts = prepare_semantickitti(args.root, args.val)
    print(f'Info files written to {args.root}: ' + ', '.join(f'{count} {split}' for split, count in counts.items()))


def main() -> None:
    args = parse_args()
    try:
        args.run(args)
    except DataError as error:
        sys.exit(f'{error}')


if __name__ == '__main__':
    main()
