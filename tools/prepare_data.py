#!/usr/bin/env python
"""Bring a data set into the form that the configs expect: python tools/prepare_data.py NAME, see NAME --help."""
import argparse
import sys
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple

from erda.command_start import add_columns

# As in erda, which takes seconds to import.
VAL_SEQUENCE = '08'
NUSCENES = ('v1.0-mini', 'v1.0-trainval')
SUFFIXES = ('.ply', '.las', '.laz', '.npy', '.npz', '.bin', '.txt', '.csv', '.xyz', '.pts', '.pcd', '.e57')
PUBLIC_SETS = ('dales', 'dales_objects', 'fractal', 'hessigheim_3d', 'ign_lidar_hd', 'paris_lille_3d', 'sensaturban',
               'stpls3d', 'toronto_3d')
CODES = ('asprs', 'as-they-are')
LIDAR_ROOT, ROOMS_ROOT = 'data/synthetic_lidar', 'data/synthetic_rooms'
FRAMES = 4


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)

    def add_command(name: str, description: str, root: str, content: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument('root', type=Path, nargs='?', default=Path(root), help=f'{content} (default: %(default)s)')
        return command

    command = add_command('semantickitti', 'check SemanticKITTI scans and write their info files',
                          'data/semantickitti', 'folder that holds sequences/')
    command.add_argument('--val', nargs='+', default=[VAL_SEQUENCE], metavar='SS',
                         help=f'validation sequences (default: {VAL_SEQUENCE})')
    command.add_argument('--within', type=float, metavar='METRES', help='make smaller scans, of the points with '
                         '|x| and |y| below this, in the folder ROOT_within_METRESm, and leave ROOT as it is')
    command.add_argument('--folds', nargs='+', default=[], metavar='SS,SS',
                         help='info files for trainings that are each tested on some sequences, such as 00,05 01,06, '
                         'and learn from the others')
    command = add_command('nuscenes', 'check nuScenes-lidarseg key frames and write their info files',
                          'data/nuscenes', 'folder that holds samples/, lidarseg/ and the tables')
    command.add_argument('--version', choices=NUSCENES, default=NUSCENES[1], help='default: %(default)s')
    add_command('s3dis', 'convert S3DIS to the files of mmdet3d', 'data/s3dis',
                'folder that holds Stanford3dDataset_v1.2_Aligned_Version/')
    add_command('scannet', 'convert ScanNet v2 to the files of mmdet3d', 'data/scannet',
                'folder that holds scans/ and meta_data/')

    command = add_command('folder', 'inspect your own point clouds and write erda.yaml and a config',
                          'data/folder', f'folder that holds files of {", ".join(SUFFIXES)}')
    command.add_argument('--as', dest='public_set', metavar='NAME', help='the folder is a public data set, which says '
                         f'all the rest: {", ".join(PUBLIC_SETS)}')
    command.add_argument('--clicks', type=Path, nargs='+', default=[], metavar='PATH',
                         help='labelled places, which are the labels then: tables, folders of them or patterns')
    command.add_argument('--classes', type=names, default=(), metavar='NAME,NAME,...',
                         help='classes that clicks may name, to begin without a label')
    add_columns(command)
    command.add_argument('--labels', metavar='FIELD', help='field of the points that holds their labels; beside '
                         'clicks, validation compares with it')
    command.add_argument('--train', nargs='+', default=[], metavar='GLOB', help='training files')
    command.add_argument('--val', nargs='+', default=[], metavar='GLOB', help='validation files')
    command.add_argument('--codes', choices=CODES,
                         help='whether numbers of classes are those of the LAS table')
    command.add_argument('--unlabelled', type=names, metavar='VALUE,VALUE,...',
                         help='values of the labels that nobody gave, or none')
    command.add_argument('--block-size', type=float, metavar='METRES',
                         help='cut files into blocks of this size (default: 100 voxels, if they are larger)')

    command = add_command('synthetic-lidar', 'make street scans in the layout of SemanticKITTI',
                          LIDAR_ROOT, 'folder to write')
    command.add_argument('--frames', type=int, default=FRAMES,
                         help='scans of each street (default: %(default)s)')
    add_seed_and_workers(command, 'streets')
    command = add_command('synthetic-rooms', 'make rooms in the files that mmdet3d makes of S3DIS',
                          ROOMS_ROOT, 'folder to write')
    command.add_argument('--rooms', type=int, default=8, help='rooms of each area (default: %(default)s)')
    add_seed_and_workers(command, 'rooms')
    return parser.parse_args()


def names(text: str) -> Tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(',') if name.strip())


def add_seed_and_workers(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument('--seed', type=int, default=0, help=f'another seed, other {what} (default: %(default)s)')
    command.add_argument('--workers', type=int, default=2, help='processes (default: %(default)s)')


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

from rich.console import Console

import erda.registration  # noqa: F401  Before mmdet3d: installs the portable kernels that its data sets import.
from erda.clouds.click_files import INTEGER
from erda.clouds.description import DESCRIPTION, LabelValue
from erda.clouds.inspection import assumption_lines, field_table, report_table
from erda.clouds.starter import CONFIG, Wishes, inspect_for, write_starter
from erda.datasets.nuscenes import prepare_nuscenes
from erda.datasets.s3dis import prepare_s3dis
from erda.datasets.scannet import prepare_scannet
from erda.datasets.semantickitti import crop_semantickitti, prepare_semantickitti, write_folds
from erda.synthetic.lidar import TRAIN_STREETS, VAL_STREETS, write_synthetic_semantickitti
from erda.synthetic.rooms import AREAS, write_synthetic_s3dis


def values(words: Optional[Sequence[str]]) -> Optional[Tuple[LabelValue, ...]]:
    """Values of labels, whole numbers where they look so; the word "none" alone is no value."""
    if words is None:
        return None
    return () if words == ('none', ) else tuple(int(word) if INTEGER.fullmatch(word) else word for word in words)


def semantickitti(args: argparse.Namespace) -> None:
    if args.within is not None:
        whole = args.root.absolute()  # also of '.', which has no name
        args.root = whole.with_name(f'{whole.name}_within_{args.within:g}m')
        print(f'{crop_semantickitti(whole, args.root, args.within)} scans cropped')
    report(args, prepare_semantickitti(args.root, args.val))
    write_folds(args.root, [fold.split(',') for fold in args.folds])


def nuscenes(args: argparse.Namespace) -> None:
    report(args, prepare_nuscenes(args.root, args.version))


def s3dis(args: argparse.Namespace) -> None:
    report(args, prepare_s3dis(args.root))


def scannet(args: argparse.Namespace) -> None:
    report(args, prepare_scannet(args.root))


def folder(args: argparse.Namespace) -> None:
    wishes = Wishes(tuple(args.clicks), args.labels, args.classes, dict(train=args.train, val=args.val), args.codes,
                    values(args.unlabelled), args.columns, args.block_size, args.public_set)
    found = inspect_for(args.root, wishes)
    console = Console()
    console.print(report_table(found), field_table(found))
    if found.label_field:
        counts = ', '.join(f'{value}: {count:,} points' for value, count in found.label_counts.items())
        print(f'Labels in {found.label_field}: {counts}')
    for line in [*filter(None, [found.left_out]), *assumption_lines(found)]:
        print(f'Note: {line}')
    starter = write_starter(found, wishes)
    for path in starter.written:
        print(f'Written: {path}')
    for path in starter.kept:
        print(f'Kept, because it was there: {path}')
    for remark in starter.remarks:
        print(f'Note: {remark}')
    if wishes.classes and not wishes.clicks:
        print(f'Next: python tools/label.py {args.root}, a page in the browser to label by clicks; or, to label with '
              f'another program, python tools/suggest_points.py {args.root} --budget 200, which says where to click')
    else:
        print(f'Next: look through {args.root / DESCRIPTION}, then python tools/train.py {args.root / CONFIG}')


def synthetic_lidar(args: argparse.Namespace) -> None:
    frames = dict.fromkeys(TRAIN_STREETS + VAL_STREETS, args.frames)
    written = write_synthetic_semantickitti(args.root, frames, seed=args.seed, workers=args.workers)
    print(f'{written} scans made, {sum(frames.values()) - written} were there')
    report(args, prepare_semantickitti(args.root, VAL_STREETS))


def synthetic_rooms(args: argparse.Namespace) -> None:
    rooms = dict.fromkeys(AREAS, args.rooms)
    written = write_synthetic_s3dis(args.root, rooms, seed=args.seed, workers=args.workers)
    print(f'{written} rooms made, {sum(rooms.values()) - written} were there')
    report(args, {f'Area_{area}': count for area, count in rooms.items()})


def report(args: argparse.Namespace, counts: Dict[str, int]) -> None:
    print(f'Info files written to {args.root}: ' + ', '.join(f'{count} {split}' for split, count in counts.items()))


COMMANDS = {
    'semantickitti': semantickitti, 'nuscenes': nuscenes, 's3dis': s3dis, 'scannet': scannet, 'folder': folder,
    'synthetic-lidar': synthetic_lidar, 'synthetic-rooms': synthetic_rooms}


def main(args: argparse.Namespace) -> None:
    sys.stdout.reconfigure(line_buffering=True)  # so that a log file has each line at once
    try:
        COMMANDS[args.command](args)
    except (ValueError, OSError) as error:  # OSError: no permission, a full disk
        sys.exit(f'{error}')


if __name__ == '__main__':
    main(args)
