"""Suggested points as files: a table to fill in, and clouds to look at."""
import csv
import os
from itertools import repeat
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np

from .point_suggestion import Candidates

COLOUR = (255, 0, 255)  # hardly ever the colour of a scanned thing
TABLE = 'suggested_points.csv'
CLOUD_SUFFIX = '.suggested.ply'


def write_suggestions(folder: Path,
                      points: Candidates,
                      files: Sequence[str],
                      classes: Optional[Sequence[str]] = None) -> List[Path]:
    """Write a CSV of all points, which :func:`erda.weak_labels.click_labels.read_clicks` reads once the classes are
    filled in, and a PLY of each file's points, which CloudCompare opens beside the cloud.

    Args:
        folder: where to write.
        points: the suggestions, the most useful first.
        files: name of each file, with forward slashes.
        classes: class of each point, empty where there is none; left for a person to fill in if ``None``.

    Returns: the files written, the CSV first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / TABLE]
    part = folder / f'{TABLE}.part'
    with open(part, 'w', encoding='utf-8', newline='') as file:
        table = csv.writer(file)
        table.writerow(['file', 'index', 'x', 'y', 'z', 'class'])
        for xyz, index, number, name in zip(points.xyz, points.index, points.file, classes or repeat('')):
            table.writerow([files[number], index, *(f'{value:.6f}' for value in xyz), name])
    os.replace(part, written[0])
    for number in np.unique(points.file):
        rows = points.file == number
        path = folder / f'{files[number].replace("/", "_")}{CLOUD_SUFFIX}'
        _write_ply(path, points.xyz[rows], points.index[rows])
        written.append(path)
    return written


def _write_ply(path: Path, xyz: np.ndarray, index: np.ndarray) -> None:
    vertices = np.zeros(len(xyz), dtype=[('xyz', '<f8', 3), ('rgb', 'u1', 3), ('index', '<i4')])
    vertices['xyz'], vertices['rgb'], vertices['index'] = xyz, COLOUR, index
    properties = [*(f'double {name}' for name in 'xyz'), *(f'uchar {name}' for name in ('red', 'green', 'blue')),
                  'int index']
    header = ['ply', 'format binary_little_endian 1.0', f'element vertex {len(xyz)}',
              *(f'property {name}' for name in properties), 'end_header', '']
    part = path.with_suffix('.part')
    part.write_bytes('\n'.join(header).encode() + vertices.tobytes())
    os.replace(part, path)
