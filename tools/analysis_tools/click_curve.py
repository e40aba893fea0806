#!/usr/bin/env python
"""How far clicks carry: python tools/analysis_tools/click_curve.py FOLDER.

FOLDER has erda.yaml with a label field. In place of a person it answers the points that tools/label.py would suggest,
all by place, or from the fiftieth on where the propagated labels are in doubt. A table compares the propagated labels
with the field, over the points of all training files. With --network STEPS others have networks, each trained on so
many points, alone and with the clicks. Then points are also asked for where the network before is unsure (by entropy).
"""
import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from erda.command_start import stop


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='folder with erda.yaml')
    parser.add_argument('--clicks', type=int, nargs='+', default=[50, 100, 200, 400, 800], metavar='N',
                        help='suggested points of each file at which labels are compared (default: %(default)s)')
    parser.add_argument('--seeds', type=int, default=3, help='how often, each with other points (default: %(default)s)')
    parser.add_argument('--network', type=int, metavar='STEPS',
                        help='train the config of FOLDER for so many steps at each number of points, too')
    parser.add_argument('--results', type=Path, metavar='FILE',
                        help='keep each finished curve in FILE, and do not compute again what is in it')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import numpy as np
import yaml

import erda.registration  # noqa: F401  Installs what mmdet3d lacks here.
from erda.clouds.description import CONFIG, DESCRIPTION, Description, read_description
from erda.clouds.folder_dataset import labels_of_cloud
from erda.command_line import print_table
from erda.evaluation.confusion_metric import confusion_matrix, segmentation_scores
from erda.files.data_error import DataError
from erda.files.progress import track
from erda.labelling.live_propagation import LivePropagation
from erda.labelling.network import Network
from erda.labelling.session import BY_PLACE
from erda.labelling.shown_cloud import ShownCloud, read_shown
from erda.labelling.suggestions import AT_A_TIME, candidates_of, suggest_next
from erda.weak_labels.label_propagation import PropagatedLabels

PLACE, DOUBT, ENTROPY = ASKED_BY = 'place', 'doubt', 'entropy'


class Curve(NamedTuple):
    """Confusion matrices ``[K, K + 1]`` over all files, the last column for no label, by the number of points."""
    propagated: Dict[int, np.ndarray]
    network: Dict[int, np.ndarray]
    both: Dict[int, np.ndarray]


def curve(asked_by: str, files: Mapping[str, ShownCloud], truth: Mapping[str, np.ndarray], description: Description,
          clicks: Sequence[int], steps: Optional[int], seed: int) -> Curve:
    """Labels from points asked for in one of ``ASKED_BY``: propagated, of a network with ``steps``, and of both."""
    num_classes = len(description.classes)
    candidates = {name: candidates_of(shown) for name, shown in files.items()}
    propagations = {name: LivePropagation(shown) for name, shown in files.items()}
    asked: Dict[str, List[int]] = {name: [] for name in files}
    doubt: Dict[str, np.ndarray] = {}
    found = Curve({}, {}, {})
    results: Dict[str, PropagatedLabels] = {}
    with tempfile.TemporaryDirectory() as temporary:
        config = folder_of_clicks(description, Path(temporary))
        for count in sorted({*clicks, *range(AT_A_TIME, max(clicks), AT_A_TIME)}):
            for name, shown in files.items():
                answered = shown.cloud.xyz[np.array(asked[name], dtype=np.int64)]
                asked[name] += [point.index for point in suggest_next(
                    candidates[name], answered, doubt.get(name) if len(asked[name]) >= BY_PLACE else None,
                    count - len(asked[name]), seed)]
                if asked_by != DOUBT and count not in clicks:
                    continue  # nobody needs the labels
                rows = np.array(sorted(row for row in asked[name] if truth[name][row] < num_classes), dtype=np.int64)
                results[name] = propagations[name].propagate(rows, truth[name][rows])
                if asked_by == DOUBT:
                    doubt[name] = 1 - results[name].confidence[candidates[name].index]
                if count in clicks:
                    add(found.propagated, count,
                        confusion_matrix(results[name].label, truth[name], num_classes, num_classes))
            if count not in clicks or steps is None:
                continue
            write_clicks(config.with_name('clicks.csv'), asked, truth, list(description.classes))
            network = train(config, Path(temporary, f'{count}_points'), steps, seed)
            for name, shown in files.items():
                predicted = network.predict(shown, description.columns)
                both = predicted.with_clicks(results[name], network.prior_exponent)
                if asked_by == ENTROPY:
                    doubt[name] = both.entropy[candidates[name].index]
                add(found.network, count, confusion_matrix(predicted.label, truth[name], num_classes, num_classes))
                add(found.both, count, confusion_matrix(both.label, truth[name], num_classes, num_classes))
    return found


def add(sums: Dict[int, np.ndarray], count: int, confusion: np.ndarray) -> None:
    """Add to the matrix of this number of points."""
    sums[count] = sums.get(count, 0) + confusion


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


def stored(path: Optional[Path], key: Mapping[str, Any]) -> Optional[Curve]:
    """The curve that an earlier call has put into a file."""
    lines = path.read_text().splitlines() if path and path.exists() else []
    for entry in map(json.loads, lines):
        if all(entry[name] == value for name, value in key.items()):
            return Curve(*({int(count): np.array(confusion) for count, confusion in entry[labels].items()}
                           for labels in Curve._fields))
    return None


def store(path: Optional[Path], key: Mapping[str, Any], of_key: Curve) -> None:
    """Put a curve into a file, unless it is there."""
    if path and stored(path, key) is None:
        entry = {**key, **{labels: {count: confusion.tolist() for count, confusion in getattr(of_key, labels).items()}
                           for labels in Curve._fields}}
        with path.open('a') as results:
            results.write(json.dumps(entry) + '\n')


def scores(confusion: np.ndarray) -> np.ndarray:
    """Share of the points that are right, and mIoU of the classes that occur, in percent."""
    of_matrix = segmentation_scores(confusion)
    return 100 * np.array([of_matrix.overall_accuracy, of_matrix.miou])


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
    ways = ASKED_BY if args.network is not None else ASKED_BY[:2]
    cells = [(way, seed) for seed in range(args.seeds) for way in ways]
    curves = {}
    for way, seed in track(cells, 'curves'):
        key = dict(asked_by=way, seed=seed, clicks=args.clicks, network_steps=args.network)
        curves[way, seed] = stored(args.results, key) or curve(way, files, truth, description, args.clicks,
                                                               args.network, seed)
        store(args.results, key, curves[way, seed])
    network = f'a network, {args.network} steps'
    for title, labels in zip(('propagated labels', network, f'{network}, and the clicks'), Curve._fields):
        if labels != 'propagated' and args.network is None:
            continue
        rows = [['points of a file', *(column for way in ways for column in (f'by {way}: right, %', 'mIoU'))]]
        for count in args.clicks:
            values = np.array([[scores(getattr(curves[way, seed], labels)[count]) for seed in range(args.seeds)]
                               for way in ways])
            rows.append([str(count), *(f'{mean:.1f} ± {spread:.1f}' for mean, spread in zip(
                values.mean(axis=1).ravel(), values.std(axis=1).ravel()))])
        print_table(rows, f'{title}: {len(files)} files, {args.seeds} seeds', markdown=True)


if __name__ == '__main__':
    main(args)
