#!/usr/bin/env python
"""How far clicks carry: python tools/analysis_tools/click_curve.py FOLDER.

FOLDER has erda.yaml with a label field. In place of a person it answers the points that tools/label.py would suggest,
all by place, or by the doubt of the propagated labels from the fiftieth on. A table compares the propagated labels with
the field, over the points of all training files. No network takes part.
"""
import argparse
from pathlib import Path
from typing import Dict, List, Sequence


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='folder with erda.yaml')
    parser.add_argument('--clicks', type=int, nargs='+', default=[50, 100, 200, 400, 800], metavar='N',
                        help='suggested points of each file at which labels are compared (default: %(default)s)')
    parser.add_argument('--seeds', type=int, default=3, help='how often, each with other points (default: %(default)s)')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import numpy as np

import erda.registration  # noqa: F401  Installs what mmdet3d lacks here.
from erda.clouds.description import DESCRIPTION, Description, read_description
from erda.clouds.folder_dataset import labels_of_cloud
from erda.command_line import print_table, stop
from erda.files.data_error import DataError
from erda.files.progress import track
from erda.labelling.live_propagation import LivePropagation
from erda.labelling.session import BY_PLACE
from erda.labelling.shown_cloud import ShownCloud, read_shown
from erda.labelling.suggestions import AT_A_TIME, candidate_points, suggest_next


def confusions(shown: ShownCloud, truth: np.ndarray, num_classes: int, by_doubt: bool, clicks: Sequence[int],
               seed: int) -> Dict[int, np.ndarray]:
    """Confusion matrix ``[K, K + 1]`` of the propagated labels, the last column for none, after so many points."""
    candidates, live = candidate_points(shown.cloud.xyz, shown.index), LivePropagation(shown)
    asked: List[int] = []
    result, found = None, {}
    for count in sorted({*clicks, *range(AT_A_TIME, max(clicks), AT_A_TIME)}):
        doubt = 1 - result.confidence[candidates.index] if by_doubt and result and len(asked) >= BY_PLACE else None
        answered = shown.cloud.xyz[np.array(asked, dtype=np.int64)]
        asked += [point.index for point in suggest_next(candidates, answered, doubt, count - len(asked), seed)]
        rows = np.array(sorted(row for row in asked if truth[row] < num_classes), dtype=np.int64)
        result = live.propagate(rows, truth[rows])
        if count in clicks:
            known = truth < num_classes
            label = np.where(result.label < 0, num_classes, result.label)[known]
            found[count] = np.bincount(truth[known] * (num_classes + 1) + label, minlength=num_classes * (
                num_classes + 1)).reshape(num_classes, num_classes + 1)
    return found


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
    sums: Dict[tuple, np.ndarray] = {}
    for by_doubt, seed, name in track(runs, 'files'):
        for count, confusion in confusions(files[name], truth[name], len(description.classes), by_doubt, args.clicks,
                                           seed).items():
            key = by_doubt, count, seed
            sums[key] = sums.get(key, np.zeros_like(confusion)) + confusion
    rows = [['points of a file', 'by place: right, %', 'mIoU', 'by doubt: right, %', 'mIoU']]
    for count in args.clicks:
        row = [str(count)]
        for by_doubt in (False, True):
            values = np.array([scores(sums[by_doubt, count, seed]) for seed in range(args.seeds)])
            row += [f'{mean:.1f} ± {spread:.1f}' for mean, spread in zip(values.mean(axis=0), values.std(axis=0))]
        rows.append(row)
    print_table(rows, f'{len(files)} files, {args.seeds} seeds', markdown=True)


if __name__ == '__main__':
    main(args)
