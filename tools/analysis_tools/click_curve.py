#!/usr/bin/env python
"""How far clicks carry: python tools/analysis_tools/click_curve.py FOLDER.

FOLDER has erda.yaml with a label field. In place of a person it answers the points that tools/label.py would suggest,
all by place, or by the doubt of the propagated labels from the fiftieth on. A table compares the propagated labels with
the field, over the points of all training files. With --network STEPS it also compares the labels of networks, each
trained on so many points, which are asked for where the one before is unsure.
"""
import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from erda.command_start import stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='folder with erda.yaml')
    parser.add_argument('--clicks', type=int, nargs='+', default=[50, 100, 200, 400, 800], metavar='N',
                        help='suggested points of each file at which labels are compared (default: %(default)s)')
    parser.add_argument('--seeds', type=int, default=3, help='how often, each with other points (default: %(default)s)')
    parser.add_argument('--network', type=int, metavar='STEPS',
                        help='train the config of FOLDER for so many steps at each number of points, too')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import numpy as np
import yaml

import erda.registration  # noqa: F401  Installs what mmdet3d lacks here.
from erda.clouds.description import CONFIG, DESCRIPTION, Description, read_description
from erda.clouds.folder_dataset import labels_of_cloud
from erda.command_line import print_table
from erda.files.data_error import DataError
from erda.files.progress import track
from erda.labelling.live_propagation import LivePropagation
from erda.labelling.network import Network
from erda.labelling.session import BY_PLACE
from erda.labelling.shown_cloud import ShownCloud, read_shown
from erda.labelling.suggestions import AT_A_TIME, candidates_of, suggest_next


def confusions(shown: ShownCloud, truth: np.ndarray, num_classes: int, by_doubt: bool, clicks: Sequence[int],
               seed: int) -> Dict[int, np.ndarray]:
    """Confusion matrix ``[K, K + 1]`` of the propagated labels, the last column for none, after so many points."""
    candidates, live = candidates_of(shown), LivePropagation(shown)
    asked: List[int] = []
    result, found = None, {}
    for count in sorted({*clicks, *range(AT_A_TIME, max(clicks), AT_A_TIME)}):
        doubt = 1 - result.confidence[candidates.index] if by_doubt and result and len(asked) >= BY_PLACE else None
        answered = shown.cloud.xyz[np.array(asked, dtype=np.int64)]
        asked += [point.index for point in suggest_next(candidates, answered, doubt, count - len(asked), seed)]
        if not by_doubt and count not in clicks:
            continue  # nobody needs the labels
        rows = np.array(sorted(row for row in asked if truth[row] < num_classes), dtype=np.int64)
        result = live.propagate(rows, truth[rows])
        if count in clicks:
            found[count] = confusion_of(result.label, truth, num_classes)
    return found


def network_confusions(files: Mapping[str, ShownCloud], truth: Mapping[str, np.ndarray], description: Description,
                       clicks: Sequence[int], steps: int, seed: int) -> Dict[int, np.ndarray]:
    """As :func:`confusions`, of all files: what a network says that was trained on so many points of each of them."""
    candidates = {name: candidates_of(shown) for name, shown in files.items()}
    asked: Dict[str, List[int]] = {name: [] for name in files}
    doubt: Dict[str, np.ndarray] = {}
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        config = folder_of_clicks(description, Path(temporary))
        for count in sorted(clicks):
            for name, shown in files.items():
                answered = shown.cloud.xyz[np.array(asked[name], dtype=np.int64)]
                asked[name] += [point.index for point in suggest_next(
                    candidates[name], answered, doubt.get(name), count - len(asked[name]), seed)]
            write_clicks(config.with_name('clicks.csv'), asked, truth, list(description.classes))
            network = train(config, Path(temporary, f'{count}_points'), steps, seed)
            found[count] = np.zeros((len(description.classes), len(description.classes) + 1), dtype=np.int64)
            for name, shown in files.items():
                predicted = network.predict(shown, description.columns)
                doubt[name] = predicted.entropy[candidates[name].index]
                found[count] += confusion_of(predicted.label, truth[name], len(description.classes))
    return found


def folder_of_clicks(description: Description, folder: Path) -> Path:
    """Make a folder with the same files, which learns from clicks.csv alone; its config."""
    for name in {name for split in description.splits for name in description.files(split)}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to((description.root / name).resolve())
    said = yaml.safe_load((description.root / DESCRIPTION).read_text())
    (folder / DESCRIPTION).write_text(yaml.safe_dump({**said, 'clicks': 'clicks.csv'}, sort_keys=False))
    return Path(shutil.copy(description.root / CONFIG, folder))


def write_clicks(path: Path, asked: Mapping[str, Sequence[int]], truth: Mapping[str, np.ndarray],
                 classes: Sequence[str]) -> None:
    """A table of the points that have a class."""
    with path.open('w', newline='') as table:
        rows = csv.writer(table)
        rows.writerow(['file', 'index', 'class'])
        rows.writerows([name, row, classes[truth[name][row]]] for name, of_file in asked.items() for row in of_file
                       if truth[name][row] < len(classes))


def train(config: Path, work_dir: Path, steps: int, seed: int) -> Network:
    """Train a network, or end this command."""
    done = subprocess.run([sys.executable, Path(__file__).parents[1] / 'train.py', config, '--work-dir', work_dir,
                           '--steps', str(steps), '--cfg-options', f'randomness.seed={seed}'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        stop(f'A training has failed: {(done.stderr.strip() or "it said nothing").splitlines()[-1]}')
    return Network(str(config), str(work_dir / f'iter_{steps}.pth'))


def confusion_of(label: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Confusion matrix ``[K, K + 1]``, the last column for points without a label, of the points that have a class."""
    known = truth < num_classes
    label = np.where(label < 0, num_classes, label)[known]
    return np.bincount(truth[known] * (num_classes + 1) + label, minlength=num_classes * (num_classes + 1)).reshape(
        num_classes, num_classes + 1)


def scores(confusion: np.ndarray) -> np.ndarray:
    """Share of the points that are right, and mIoU of the classes that occur, in percent."""
    right, square = np.diag(confusion), confusion[:, :-1]
    union = confusion.sum(axis=1) + square.sum(axis=0) - right
    return 100 * np.array([right.sum() / confusion.sum(), (right / np.maximum(union, 1))[confusion.any(axis=1)].mean()])


def read_files(description: Description) -> Dict[str, ShownCloud]:
    """All points of the training files."""
    return {name: read_shown(description.root / name, 1 << 40, (), description.columns)
            for name in description.files('train')}


def main(args: argparse.Namespace) -> None:
    try:
        description = read_description(args.folder / DESCRIPTION)
        if description.label_field is None:
            stop(f'{args.folder / DESCRIPTION} names no label_field, so there is no label to answer with.')
        files = read_files(description)
        truth = {name: labels_of_cloud(shown.cloud, description, shown.path) for name, shown in files.items()}
    except DataError as error:
        stop(str(error))
    runs = [(by_doubt, seed, name) for by_doubt in (False, True) for seed in range(args.seeds) for name in files]
    sums: Dict[tuple, np.ndarray] = {}  # by the way of asking, the number of points and the seed
    for by_doubt, seed, name in track(runs, 'files'):
        for count, confusion in confusions(files[name], truth[name], len(description.classes), by_doubt, args.clicks,
                                           seed).items():
            key = by_doubt, count, seed
            sums[key] = sums.get(key, np.zeros_like(confusion)) + confusion
    ways = {False: 'by place', True: 'by doubt'}
    if args.network is not None:
        ways['network'] = f'network, {args.network} steps'
        for seed in track(range(args.seeds), 'trainings'):
            of_seed = network_confusions(files, truth, description, args.clicks, args.network, seed)
            sums.update((('network', count, seed), confusion) for count, confusion in of_seed.items())
    rows = [['points of a file', *(column for way in ways.values() for column in (f'{way}: right, %', 'mIoU'))]]
    for count in args.clicks:
        row = [str(count)]
        for way in ways:
            values = np.array([scores(sums[way, count, seed]) for seed in range(args.seeds)])
            row += [f'{mean:.1f} ± {spread:.1f}' for mean, spread in zip(values.mean(axis=0), values.std(axis=0))]
        rows.append(row)
    print_table(rows, f'{len(files)} files, {args.seeds} seeds', markdown=True)


if __name__ == '__main__':
    main(args)
